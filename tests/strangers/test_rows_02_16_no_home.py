"""Rows 2 and 16: users without a name or a home, homes that cannot be used, a working folder that is gone."""

from __future__ import annotations

import json

import pytest

from tests.strangers.conftest import UNKNOWN_USER, why_nobody_unknown

unknown_user = pytest.mark.skipif(why_nobody_unknown() is not None, reason=why_nobody_unknown() or "")
# As they are typed in a folder that holds still.png, and what they end with there.
COMMANDS = {
    "config show": 0,
    "engines list": 0,
    "doctor": 0,
    "scan still.png --rules artwork --no-sheet": 0,
    "thumbs still.png": (0, 10),
    "explain absent.parquet --frame 0": 2,
    "review absent": 2,
    "compact --out out": 2,
    "status": 2,
    "ledger rebuild": 0,
    "export cvat absent --out x": 2,
    "watch . --until-idle --poll-s 0.05": 0,
    "hook": 0,
    "engines import yunet --file absent.onnx": 2,
}
HOMES = {
    "none": {},
    "empty": {"HOME": ""},
    "no folder": {"HOME": "/dev/null"},
    "of another": {"HOME": "/proc/1"},
}


def healthy(done, codes):
    """One of the codes, and neither a traceback nor a bug."""
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    assert "internal error" not in done.stderr + done.stdout, done.stderr
    assert done.returncode in codes, (done.returncode, done.stdout, done.stderr)


@unknown_user
@pytest.mark.parametrize("command", COMMANDS)
def test_row_02_a_user_without_a_name_and_a_home(stranger, still, tmp_path, command):
    (tmp_path / "work/still.png").write_bytes(still.read_bytes())
    event = {"schema": 1, "event": "artwork.submitted", "id": "1", "asset": {"uri": str(still)}}
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    done = stranger(*command.split(), shell=f'"$@" < {tmp_path}/event.json', as_user=UNKNOWN_USER)
    codes = COMMANDS[command]
    healthy(done, codes if isinstance(codes, tuple) else (codes,))
    assert {path.name for path in (tmp_path / "t").iterdir()} <= {"qc-plugin-23456"}


@pytest.mark.parametrize("home", HOMES)
def test_row_02_a_home_that_is_none(stranger, home):
    healthy(stranger("engines", "list", **HOMES[home]), (0,))


def test_row_02_a_home_where_nothing_can_be_written_is_not_needed(stranger, still):
    healthy(stranger("check", still, "--rules", "artwork", HOME="/dev/null"), (0,))


@unknown_user
def test_row_02_a_folder_of_somebody_else_in_the_place_of_a_home_is_not_used(stranger, tmp_path):
    squat = tmp_path / "t/qc-plugin-23456"
    squat.mkdir()
    squat.chmod(0o777)
    done = stranger("engines", "list", as_user=UNKNOWN_USER)
    healthy(done, (2,))
    assert f"{squat}: belongs to somebody else or is open to others; remove it, or set HOME" in done.stderr


@unknown_user
def test_row_02_a_bug_is_told_although_its_log_has_no_home(stranger, tmp_path):
    code = (
        "import sys; from qc_plugin.cli import settings; import qc_plugin.config as c; "
        "c.load_config = lambda **_: 1 / 0; from qc_plugin.cli import main; "
        "sys.argv = ['qc-plugin', 'config', 'show']; main()"
    )
    done = stranger(shell=f'cd .; "${{@:1:{len(UNKNOWN_USER) + 1}}}" -c "{code}"', as_user=UNKNOWN_USER)
    log = tmp_path / "t/qc-plugin-23456/state/last-error.log"
    assert (done.returncode, done.stderr) == (70, f"internal error; please report it with {log}\n")
    assert "ZeroDivisionError" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("check {still} --rules artwork --reports {out}", 0),
        ("scan {still} --rules artwork --reports {out} --no-sheet", 0),
        ("check {still} --rules artwork --no-sheet", 2),
        ("check still.png", 2),
        ("thumbs {still}", 2),
        ("scan . --reports {out}", 2),
        ("watch . --until-idle --poll-s 0.05 --reports {out}", 2),
        ("config show", 0),
        ("doctor", 2),
    ],
)
def test_row_16_the_working_folder_is_gone(stranger, still, tmp_path, command, code):
    words = command.format(still=still, out=tmp_path / "out").split()
    done = stranger(*words, shell='mkdir gone; cd gone; rmdir ../gone; "$@"', HOME=tmp_path)
    healthy(done, (code,))
    assert code == 2 or (tmp_path / "out").is_dir() == ("--reports" in words)
