"""Installed packages: found, called, and kept from doing harm."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from qc_plugin.asset.check_one import AssetChecker
from qc_plugin.config import RunConfig
from qc_plugin.errors import HookError
from qc_plugin.extensions.installed import packages
from qc_plugin.pages.sheet import SheetImages, render
from qc_plugin.pages.sheet_words import NARROW
from qc_plugin.report.read import read_frames, read_report
from qc_plugin.report.write import write_report
from qc_plugin.types.measures import MEASURES
from tests.support.fake_report import fake_report
from tests.support.plain import plain

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/qc-plugin-example"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The example as pip installs it, outside the environment that runs us."""
    target = tmp_path_factory.mktemp("site")
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--disable-pip-version-check", "--target", str(target), str(EXAMPLE),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def test_the_example_does_all_it_says(site, still, tmp_path):
    env = {
        **os.environ,
        "PYTHONPATH": str(site),
        "QC_EXAMPLE_MEDIA": str(still.parent),
        "QC_EXAMPLE_SINK": str(tmp_path / "sink"),
        "QC_EXAMPLE_LOG": str(tmp_path / "log.jsonl"),
    }
    event = {
        "schema": 1, "event": "artwork.submitted", "id": "x-1", "asset": {"uri": f"example:../{still.name}"},
        "settings": {"rules": str(EXAMPLE / "warm.yaml")},
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "qc_plugin", "hook", "--reports", "out"],
        cwd=tmp_path, env=env, input=json.dumps(event), capture_output=True, text=True, check=False,
    )  # fmt: skip
    result = json.loads(done.stdout.splitlines()[-1])
    assert result.get("error") is None, done.stderr
    table = read_frames(tmp_path / result["report"])
    (warmth,) = [row["warmth"] for row in table["measures_other"]]
    assert 0.3 < warmth < 0.9
    # A sheet made later, here where the package is not installed, knows what its number means.
    page = re.sub(r"<[^>]+>", " ", render(read_report(tmp_path / result["report"]), SheetImages()))
    assert "warmth" not in MEASURES
    assert f"{warmth * 100:.0f}{NARROW}%" in page
    assert "Warmth" in page
    assert "mean red over blue, 0.5 is neutral" in page
    findings = [f for row in table["findings"] for f in row]
    assert [(f["rule"], f["outcome"]) for f in findings] == [("not-too-warm", "pass")]
    (copy,) = result["delivered"]
    assert Path(copy).parent == tmp_path / "sink"
    assert Path(copy).read_bytes() == (tmp_path / result["report"]).read_bytes()
    (noted,) = [json.loads(each) for each in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert noted["verdict"] == result["verdict"]
    tests = subprocess.run(
        [sys.executable, "-m", "qc_plugin", "rules", "test", str(EXAMPLE / "warm.yaml")],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tests.returncode == 0, tests.stdout + tests.stderr


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a module with hooks, as an entry point of the group, for this test only."""
    known = dict(MEASURES)

    def write(**modules):
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(PRELUDE + textwrap.dedent(source))
            info = tmp_path / f"{name}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[qc_plugin]\n{name} = {name}\n")
        monkeypatch.syspath_prepend(tmp_path)
        packages.cache_clear()
        return packages()

    yield write
    packages.cache_clear()
    MEASURES.clear()
    MEASURES.update(known)
    for name in [
        n for n, m in sys.modules.items() if str(getattr(m, "__file__", "")).startswith(str(tmp_path))
    ]:
        del sys.modules[name]


PRELUDE = "import sys, time\nfrom qc_plugin.extensions import ExtraMeasure, hookimpl\nheard = []\n"
GOOD = "@hookimpl\ndef asset_finished(report, path): heard.append(report)\n"
WARN = RunConfig(hook_timeout_s=0.3)
FAIL = RunConfig(hook_timeout_s=0.3, on_hook_error="fail")


@pytest.fixture
def path(tmp_path):
    return write_report(fake_report(30), tmp_path / "reports")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('boom')", "bad raised ValueError: boom"),
        ("raise SystemExit(3)", "bad raised SystemExit: 3"),
        ("time.sleep(60)", "bad did not return within 0.3 s"),
        ("import not_there", "bad raised ModuleNotFoundError"),
    ],
)
def test_a_failing_hook_does_not_reach_the_others(install, path, body, words):
    found = install(bad=f"@hookimpl\ndef asset_finished(report, path): {body}\n", good=GOOD, also=GOOD)
    found.asset_finished(path, WARN)
    assert [len(sys.modules[name].heard) for name in ("good", "also")] == [1, 1]
    (warning,) = found.warnings
    assert words in warning
    with pytest.raises(HookError, match=r"asset_finished of bad .*on_hook_error"):
        install_again(found).asset_finished(path, FAIL)


def install_again(found):
    found._benched.clear()
    return found


def test_one_that_hung_is_not_waited_for_again(install, path):
    found = install(bad="@hookimpl\ndef asset_finished(path):\n    heard.append(path)\n    time.sleep(60)\n")
    found.asset_finished(path, WARN)
    found.asset_finished(path, WARN)
    assert len(sys.modules["bad"].heard) == 1
    assert len(found.warnings) == 1


def test_a_hook_cannot_change_what_others_see_nor_the_file(install, path):
    before = path.read_bytes()
    spoil = """
        @hookimpl(tryfirst=True)
        def asset_finished(report):
            report.funnel["dark"] = 999
            report.frames[0].score.measures.clear()
            object.__setattr__(report, "verdict", "accept")
        """
    found = install(bad=spoil, good=GOOD)
    found.asset_finished(path, WARN)
    assert plain(sys.modules["good"].heard[0]) == plain(read_report(path))
    assert path.read_bytes() == before


def test_prints_of_hooks_go_to_standard_error(install, path, capfd):
    install(bad="@hookimpl\ndef asset_finished(path):\n    print('{}')\n    sys.stdout.write('x\\n')\n")
    packages().asset_finished(path, WARN)
    print("ours")
    captured = capfd.readouterr()
    assert captured.out == "ours\n"
    assert captured.err.startswith("{}\nx\n")


def test_a_package_that_cannot_be_loaded_is_named(install, path):
    found = install(bad="raise OSError('no library')", good=GOOD)
    found.asset_finished(path, WARN)
    assert "entry point of bad cannot be loaded" in found.warnings[0]
    assert len(sys.modules["good"].heard) == 1


def test_a_misspelt_hook_argument_is_named(install, path):
    found = install(bad="@hookimpl\ndef asset_finished(rapport): pass\n")
    found.asset_finished(path, WARN)
    assert "rapport" in found.warnings[0]


def test_a_class_as_entry_point_is_made_an_instance(install, path, tmp_path):
    found = install(
        good="class P:\n    @hookimpl\n    def asset_finished(self, path): heard.append(path)\n",
    )
    assert found.warnings == []
    (tmp_path / "good-1.0.dist-info/entry_points.txt").write_text("[qc_plugin]\ngood = good:P\n")
    packages.cache_clear()
    packages().asset_finished(path, WARN)
    assert sys.modules["good"].heard == [path]


MEASURE = """
    @hookimpl
    def register_measures():
        return [ExtraMeasure(name={name!r}, text="x", function=lambda rgb, box: {value})]
    """


@pytest.mark.parametrize(
    ("name", "words"), [("sharpness", "exists already"), ("Has Space", "use a-z"), ("../x", "use a-z")]
)
def test_a_measure_that_would_hide_ours_is_refused(install, name, words):
    found = install(bad=MEASURE.format(name=name, value=0.5))
    assert found.measures(WARN) == ()
    assert words in found.warnings[0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"unit": "dB"}, "measures `extra` in `dB`; use one of share, "),
        ({"says": "it is red"}, "says `extra` as `it is red`; write `{value}` in it"),
        ({"says": "{value:.0%} is red"}, "and no other field"),
        ({"says": "{n} is red"}, "and no other field"),
        ({"says": "{value"}, "and no other field"),
    ],
)
def test_a_measure_that_no_sentence_or_sheet_can_tell_is_refused(install, more, words):
    given = ", ".join(f"{name}={value!r}" for name, value in more.items())
    found = install(bad=MEASURE.format(name="extra", value=0.5).replace("text=", f"{given}, text="))
    assert found.measures(WARN) == ()
    assert words in found.warnings[0]


def test_a_measure_in_seconds_is_told_in_seconds_by_rule_and_sheet(
    install, still, engines, monkeypatch, tmp_path
):
    more = 'unit="s", high=None, title="Age", text="how old it looks"'
    install(good=MEASURE.format(name="age", value=12).replace('text="x"', more))
    rules = tmp_path / "aged.yaml"
    rules.write_text(
        "schema: 1\nid: aged\ntitle: Aged\nrules: [{id: old, measure: age, pass: {at_most: 5}}]\n"
    )
    config = RunConfig(rules=str(rules), reports=tmp_path / "out", sheet=False, stills=False, sandbox="off")
    monkeypatch.setattr(AssetChecker, "engines", engines)
    report = read_report(AssetChecker(config).process(still, None).report)
    assert [m.unit for m in report.measures] == ["s"]
    assert report.frames[0].judgement.findings[0].text == "frame: age is 12.00 s, limit 5.00 s"
    page = render(report, SheetImages())
    assert "12.00 s: fail. Passes up to 5.00 s." in page
    assert "<dd>Age<" in page
    assert "how old it looks" in page


@pytest.mark.parametrize(
    ("value", "expected", "why"),
    [
        ("0.25", 0.25, ""),
        ("None", None, "could not tell"),
        ("float('nan')", None, "outside its range"),
        ("7", None, "outside its range"),
        ("1 / 0", None, "ZeroDivisionError"),
        ("rgb.fill(0)", None, "read-only"),
    ],
)
def test_a_measure_is_a_number_in_its_range_or_a_reason(install, value, expected, why):
    import numpy as np

    from qc_plugin.pipeline.extra import with_extra
    from qc_plugin.types import Frame

    install(bad=MEASURE.format(name="extra", value=value))
    row = fake_report(1).frames[0].score
    frame = Frame(0, 0.0, 0.04, np.zeros((8, 8, 3), np.uint8))
    (scored,) = with_extra([row], [frame], WARN)
    assert scored.measures.get("extra") == expected
    assert why in scored.skipped.get("extra", "")


def test_a_measure_is_part_of_the_key(install):
    from qc_plugin.asset.check_one import keys_for, rules_of

    config = RunConfig(rules="artwork")
    packages.cache_clear()
    without = keys_for(config, "ab" * 32, rules_of(config))
    install(good=MEASURE.format(name="extra", value=0.5))
    assert keys_for(config, "ab" * 32, rules_of(config)).measure != without.measure
