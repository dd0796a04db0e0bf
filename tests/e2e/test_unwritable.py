"""Rows 6 and 7: output folders that cannot be written, and full disks, by every command that writes."""

import json
import os
import re
import subprocess

import pytest

from qc_plugin.asset.judged_again import judge_again
from qc_plugin.report.write import write_report
from qc_plugin.rulesets.ruleset import load_rules
from tests.support.fake_report import STEP, fake_report, hand_blur
from tests.support.in_a_row import run_in_a_row
from tests.support.media import write_still
from tests.unit.batch.conftest import measured

# Root passes every check of a folder's mode unless these are taken away.
NO_PRIVILEGE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
TINY_DISK = (
    "unshare",
    "-m",
    "sh",
    "-c",
    'mount -t tmpfs -o size=8k tmpfs "$1" && cd "$1" && shift && exec "$@"',
    "-",
)
NAMES = (
    "check",
    "check --no-sheet",
    "scan",
    "thumbs",
    "demo",
    "compact",
    "export coco",
    "export xmp",
    "import",
    "review",
    "review --catalogue",
    "explain",
    "rejudge",
    "calibrate --out",
    "calibrate --curve",
    "ledger rebuild",
    "engines import",
    "hook",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a still, its report, and a judged report with decisions on it."""
    folder = tmp_path_factory.mktemp("unwritable")
    write_still(folder / "still.png", width=320)
    (done,) = run_in_a_row([("check", folder / "still.png", "--reports", "stored", "--no-sheet")], cwd=folder)
    assert done.code == 0, done.err
    write_report(judge_again(measured(fake_report()), load_rules("default")), folder / "judged")
    decided = [(i * STEP, "accept" if hand_blur(i) <= 0.2 else "reject") for i in range(8, 120)]
    line = {"schema": "qc.decisions/1", "asset_id": "ab" * 32}
    texts = [json.dumps(line | {"frame_index": index, "decision": decision}) for index, decision in decided]
    (folder / "decisions.jsonl").write_text("\n".join(texts))
    asked = ("export", next((folder / "judged").rglob("*.parquet")), "--format", "coco", "--out", "coco.json")
    assert run_in_a_row([asked], cwd=folder)[0].code == 0
    return folder


def commands(place):
    """Every command that writes; it is to write to the working folder."""
    still, stored, judged = place / "still.png", place / "stored", place / "judged"
    (report,), (frames,) = stored.rglob("*.parquet"), judged.rglob("*.parquet")
    calibrate = ("calibrate", place / "decisions.jsonl", judged, "--rule", "hand-motion-blur")
    event = {"schema": 1, "id": "row-6", "event": "asset.ingested", "asset": {"uri": str(still)}}
    return (
        ("check", still),
        ("check", still, "--no-sheet"),
        ("scan", still, "--jobs", "1"),
        ("thumbs", still),
        ("demo",),
        ("compact", "--reports", judged),
        ("export", frames, "--format", "coco", "--out", "out.json"),
        ("export", report, "--format", "xmp", "--out", "sidecars"),
        ("import", place / "coco.json", "--format", "coco", "--report", frames, "--out", "labels.jsonl"),
        ("review", judged),
        ("review", "--catalogue", judged),
        ("explain", report, "--frame", "0"),
        ("rejudge", judged, "--rules", "strict", "--reports", "new"),
        (*calibrate, "--out", "limits.yaml"),
        (*calibrate, "--curve", "curve.png"),
        ("ledger", "rebuild", "--reports", stored, "--ledger", "ledger.sqlite"),
        ("engines", "import", "mediapipe", still),
        (("hook",), json.dumps(event)),
    )


def ran(place, folder, prefix):
    env = {
        "QC_ENGINES_DIR": str(folder / "engines"),
        "HOME": str(place),
        "XDG_STATE_HOME": str(place / "state"),
    }
    done = run_in_a_row(commands(place), cwd=folder, prefix=prefix, env=env)
    assert not (place / "state").exists(), "something was called an internal error"
    return dict(zip(NAMES, done, strict=True))


@pytest.fixture(scope="module")
def refused(place):
    """What every command says in a folder that it must not write to."""
    prefix = NO_PRIVILEGE if os.geteuid() == 0 else ()
    if prefix and subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        pytest.skip("root, and no setpriv that takes its privileges away")
    locked = place / "locked"
    locked.mkdir(mode=0o555)
    done = ran(place, locked, prefix)
    assert not list(locked.iterdir())
    return done


@pytest.fixture(scope="module")
def full(place):
    """What every command says on a disk that is full at once."""
    tiny = place / "tiny"
    tiny.mkdir()
    prefix = (*TINY_DISK, str(tiny))
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no permission to mount a small disk")
    return ran(place, tiny, prefix)


def sentence_of(done, code):
    """The one sentence of the command, whose exit code is `code`; a host hears it in the answer."""
    assert "Traceback" not in done.err
    assert "internal error" not in done.err + done.out
    if done.args == ("hook",):
        answer = json.loads(done.out.splitlines()[-1])
        assert (done.code, answer["error"]["exit_code"], answer["retryable"]) == (0, code, code == 75)
        return answer["error"]["text"]
    assert done.code == code, done
    lines = [line for line in done.err.splitlines() if not line.startswith("note: ")]
    return lines[-1] if lines else done.out.splitlines()[1]


@pytest.mark.parametrize("name", NAMES)
def test_row_06_a_folder_that_cannot_be_written(refused, name):
    said = sentence_of(refused[name], 2)
    reason = "unable to open database file" if name == "ledger rebuild" else "Permission denied"
    assert re.search(rf": cannot write .* \({reason}\); ", said), said
    assert refused[name].err.count("\n") <= 3, refused[name].err


@pytest.mark.parametrize("name", [name for name in NAMES if name != "engines import"])
def test_row_07_a_full_disk(full, name):
    assert "the disk is full; free some space and run again" in sentence_of(full[name], 75)
