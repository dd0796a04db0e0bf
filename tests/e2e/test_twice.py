"""The same command twice gives the same answer; in any order, only what lacks is made."""

import json
import re
import shutil

import pytest

from qc_plugin.asset.judged_again import judge_again
from qc_plugin.report.write import write_report
from qc_plugin.rulesets.ruleset import load_rules
from tests.support.fake_report import STEP, fake_report, hand_blur
from tests.support.in_a_row import ROOT, run_in_a_row
from tests.support.media import write_clip, write_still
from tests.unit.batch.conftest import measured

SPARSE = {"QC_SAMPLE": "keyframes"}  # few frames, so that a run takes little
EVENT = {"schema": 1, "id": "twice", "event": "asset.ingested", "asset": {"uri": "still.png"}}
CALIBRATE = ("calibrate", "decisions.jsonl", "judged", "--rule", "hand-motion-blur")
COMMANDS = {
    "check": ("check", "still.png"),
    "check --json": ("check", "still.png", "--json", "--reports", "json"),
    "check --no-sheet": ("check", "still.png", "--no-sheet", "--reports", "plain"),
    "check, of what is no media": ("check", "text.mp4"),
    "scan": ("scan", "folder", "--jobs", "1", "--reports", "scanned"),
    "thumbs": ("thumbs", "clip.mp4"),
    "thumbs --json": ("thumbs", "clip.mp4", "--json", "--out", "listed"),
    "thumbs, of black": ("thumbs", "black.mp4", "--json", "--out", "black"),
    "demo": ("demo",),
    "explain": ("explain", "REPORT", "--frame", "0"),
    "review": ("review", "judged"),
    "review --catalogue": ("review", "--catalogue", "judged"),
    "compact": ("compact", "--reports", "judged"),
    "export coco": ("export", "FRAMES", "--format", "coco", "--out", "coco.json"),
    "export openlineage": ("export", "FRAMES", "--format", "openlineage", "--out", "lineage.json"),
    "export xmp": ("export", "FRAMES", "--format", "xmp", "--out", "sidecars"),
    "import": ("import", "coco.json", "--format", "coco", "--report", "FRAMES"),
    "rejudge": ("rejudge", "judged", "--rules", "strict", "--reports", "strict"),
    "calibrate": (*CALIBRATE, "--out", "limits.yaml", "--curve", "curve.svg"),
    "ledger rebuild": ("ledger", "rebuild", "--reports", "judged"),
    "hook": (("hook",), json.dumps(EVENT)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A still, a clip, a folder of assets, and stored reports to work on."""
    place = tmp_path_factory.mktemp("twice")
    write_still(place / "still.png", width=320)
    write_clip(place / "clip.mp4", seconds=0.6)
    shutil.copy(ROOT / "tests/data/d5_black.mp4", place / "black.mp4")
    (place / "text.mp4").write_text("this is no video\n" * 50)
    (place / "folder").mkdir()
    for name in ("still.png", "text.mp4"):
        shutil.copy(place / name, place / "folder" / name)
    write_report(judge_again(measured(fake_report()), load_rules("default")), place / "judged")
    decided = [(i * STEP, "accept" if hand_blur(i) <= 0.2 else "reject") for i in range(8, 120)]
    line = {"schema": "qc.decisions/1", "asset_id": "ab" * 32}
    texts = [json.dumps(line | {"frame_index": index, "decision": decision}) for index, decision in decided]
    (place / "decisions.jsonl").write_text("\n".join(texts))
    return place


@pytest.fixture(scope="module")
def answers(folder):
    """Name of a command -> its two runs."""
    stored = ("check", "still.png", "--no-sheet", "--reports", "stored")
    assert run_in_a_row([stored], cwd=folder, env=SPARSE)[0].code == 0
    named = {"REPORT": next((folder / "stored").rglob("*.parquet"))}
    named["FRAMES"] = next((folder / "judged").rglob("*.parquet"))
    asked = []
    for command in COMMANDS.values():
        args, *given = command if isinstance(command[0], tuple) else (command,)
        asked += [(tuple(named.get(arg, arg) for arg in args), *(given or [""]))] * 2
    done = run_in_a_row(asked, cwd=folder, env=SPARSE)
    return {name: (done[2 * n], done[2 * n + 1]) for n, name in enumerate(COMMANDS)}


# How long it took, that it was done before, and the counts of frames, which a ledger does not keep.
MAY_DIFFER = ("seconds", "reused", "replayed", "frames")


def lines_of(text):
    """What a command said, without what may differ: how long it took, and that it was done before."""
    lines = []
    for line in text.splitlines():
        if line.startswith("{"):
            plain = {k: v for k, v in json.loads(line).items() if k not in MAY_DIFFER}
            if plain.get("type") != "progress":
                lines.append(plain)
        elif not re.search("done already|already$", line):
            lines.append(re.sub(r"in [\d.]+ s\b|, (written|as it was)$", "", line))
    return lines


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_twice(answers, name):
    first, second = answers[name]
    assert first.code in (0, 10, 20), first
    assert second.code == first.code, second
    assert "Traceback" not in first.err + second.err
    assert lines_of(second.out) == lines_of(first.out)
    assert lines_of(second.err) == lines_of(first.err)


def pictures(reports):
    """Stills and sheets below a folder: name -> content."""
    return {path.name: path.read_bytes() for path in reports.rglob("*") if path.suffix in (".jpg", ".html")}


def times(reports):
    return {path: path.stat().st_mtime_ns for path in reports.rglob("*.*") if path.suffix != ".sqlite"}


@pytest.fixture
def run(folder):
    def run(*commands, cwd=folder):
        done = run_in_a_row(commands, cwd=cwd, env=SPARSE)
        assert all(each.code in (0, 10) for each in done), done
        return done

    return run


def test_a_sheet_that_was_not_wanted_is_made_when_it_is(folder, run):
    for asset in ("still.png", "clip.mp4"):
        fresh, late = folder / f"fresh-{asset}", folder / f"late-{asset}"
        command = ("check", asset, "--json", "--reports")
        whole, _, _, added = run(
            (*command, fresh),
            (*command, late, "--no-sheet"),
            (*command, late, "--no-sheet"),
            (*command, late),
        )
        outcome = json.loads(added.out)
        assert (folder / outcome["sheet"]).is_file()
        assert outcome["frames"] == json.loads(whole.out)["frames"]
        assert len(pictures(fresh)) >= 2
        assert pictures(late) == pictures(fresh)


def test_only_what_lacks_is_made(folder, run):
    reports = folder / "lacking"
    command = ("check", "clip.mp4", "--reports", reports)
    run(command)
    before, content = times(reports), pictures(reports)
    (sheet,) = reports.rglob("*.html")
    sheet.unlink()
    run(command)
    assert {path for path, time in times(reports).items() if before[path] != time} == {sheet}
    still = next(reports.rglob("01-frame-*.jpg"))
    shutil.rmtree(still.parent)
    run(command)
    changed = {path for path, time in times(reports).items() if before[path] != time}
    assert changed == {sheet, *still.parent.iterdir()}
    assert pictures(reports) == content
    before = times(reports)
    run(command, ("scan", folder / "clip.mp4", "--jobs", "1", "--reports", reports), command)
    assert times(reports) == before


def test_a_scan_makes_the_sheets_that_an_earlier_one_left_out(folder, run):
    reports = folder / "scan-late"
    command = ("scan", folder / "folder" / "still.png", "--jobs", "1", "--reports", reports)
    run((*command, "--no-sheet"))
    assert not pictures(reports)
    plan, _ = run((*command, "--dry-run"), command)
    assert json.loads(plan.out)["todo"] == 1
    assert {path.suffix for path in reports.rglob("*.*")} >= {".html", ".jpg"}
    before = times(reports)
    (plan,) = run((*command, "--dry-run"))
    assert json.loads(plan.out)["todo"] == 0
    run(command, ("check", folder / "folder" / "still.png", "--reports", reports))
    assert times(reports) == before


def test_reports_that_were_judged_again_get_their_sheets(folder, run):
    reports = folder / "again"
    run(
        ("check", "still.png", "--reports", reports),
        ("rejudge", reports, "--rules", "strict"),
    )
    assert len(list(reports.rglob("*.html"))) == 1
    run(("check", "still.png", "--rules", "strict", "--reports", reports))
    assert len(list(reports.rglob("*.html"))) == 2


def test_picks_are_those_of_the_asset_asked_for(folder, run):
    """Two assets into one folder: stills of the same name, and the list says whose they are."""
    out = folder / "shared"
    first, _, again = run(
        *(("thumbs", asset, "--json", "--out", out) for asset in ("clip.mp4", "still.png", "clip.mp4"))
    )
    assert json.loads(again.out) == json.loads(first.out) == json.loads((out / "picks.json").read_text())
    alone = folder / "alone"
    run(("thumbs", "clip.mp4", "--out", alone))
    for pick in json.loads(first.out)["picks"]:
        assert (out / pick["file"]).read_bytes() == (alone / pick["file"]).read_bytes()
    (out / json.loads(first.out)["picks"][0]["file"]).unlink()
    run(("thumbs", "clip.mp4", "--out", out))
    assert (out / json.loads(first.out)["picks"][0]["file"]).is_file()


def test_from_another_folder_the_answer_is_the_same(folder, run):
    """What was written from one working folder is found from another, and made by neither again."""
    reports, picks, elsewhere = folder / "moved", folder / "moved-picks", folder / "elsewhere"
    elsewhere.mkdir()
    here = run(
        ("check", "still.png", "--json", "--reports", "moved"), ("thumbs", "clip.mp4", "--out", "moved-picks")
    )
    before = times(reports) | times(picks)
    there = run(
        ("check", folder / "still.png", "--json", "--reports", reports),
        ("thumbs", folder / "clip.mp4", "--out", picks),
        cwd=elsewhere,
    )
    assert [done.code for done in there] == [done.code for done in here]
    assert json.loads(there[0].out)["frames"] == json.loads(here[0].out)["frames"]
    after = times(reports) | times(picks)
    assert {path.name for path in after if after[path] != before.get(path)} <= {"picks.json"}


def test_row_57_a_black_film_offers_the_best_of_the_rest(folder, answers):
    first, _ = answers["thumbs, of black"]
    assert first.code == 10
    listed = json.loads(first.out)
    assert listed["error"].startswith("no frame meets the rules; the best of the rest is offered, at ")
    assert {pick["ratio"] for pick in listed["picks"]} == {"full", "16:9", "2:3", "1:1"}
    assert all(pick["fallback"] for pick in listed["picks"])
    assert all((folder / "black" / pick["file"]).stat().st_size for pick in listed["picks"])
    listed = json.loads(answers["thumbs --json"][0].out)
    assert listed["error"] is None
    assert not any(pick["fallback"] for pick in listed["picks"])
