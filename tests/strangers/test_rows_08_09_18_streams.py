"""Rows 8, 9 and 18: standard streams that are full, closed, without UTF-8, or that nobody reads."""

from __future__ import annotations

import json

import pytest

CHECK = ("check", "still.png", "--rules", "artwork", "--no-sheet")
SCAN = ("scan", "still.png", "--rules", "artwork", "--no-sheet")


@pytest.fixture
def here(stranger, still, tmp_path):
    """As `stranger`, in a folder that holds an accepted picture."""
    (tmp_path / "work/still.png").write_bytes(still.read_bytes())
    return stranger


@pytest.mark.parametrize(
    "command",
    [
        (*CHECK, "--json"),
        SCAN,
        ("config", "show"),
        ("doctor",),
        ("rules", "show", "default"),
        ("--version",),
        ("--help",),
    ],
)
def test_row_08_results_on_a_full_disk_are_for_later(here, command):
    done = here(*command, shell='"$@" > /dev/full')
    assert done.returncode == 75, done.stderr
    words = "error: standard output cannot be written (No space left on device); make room and run again"
    assert done.stderr.splitlines()[-1] == words
    assert "Traceback" not in done.stderr


def test_row_08_an_answer_to_a_host_on_a_full_disk_is_for_later(here, tmp_path):
    event = {
        "schema": 1,
        "event": "artwork.submitted",
        "id": "1",
        "asset": {"uri": str(tmp_path / "work/still.png")},
    }
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    assert here("hook", shell=f'"$@" < {tmp_path}/event.json > /dev/full').returncode == 75
    again = here("hook", shell=f'"$@" < {tmp_path}/event.json')
    assert again.returncode == 0
    assert json.loads(again.stdout.splitlines()[-1])["type"] == "result"


def test_row_08_what_standard_error_does_not_take_is_dropped(here):
    assert here("check", "absent.png", shell='"$@" 2> /dev/full').returncode == 2
    assert here("check", "absent.png", shell='"$@" 2>&-').returncode == 2


@pytest.mark.parametrize("encoding", ["latin-1", "ascii:strict"])
def test_row_09_an_accepted_asset_is_told_without_a_tick(here, encoding):
    done = here(*CHECK, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.splitlines()[0]
    assert first.startswith("+ accept  ")
    assert first == "+ accept  still.png"


def test_row_09_other_commands_and_other_letters(here, still, tmp_path):
    done = here("doctor", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("+ python")
    (tmp_path / "work/š.png").write_bytes(still.read_bytes())
    done = here("check", "š.png", *CHECK[2:], PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "+ accept  \\u0161.png"
    # No UTF-8 anywhere, not in names of files either.
    here_c = {"LC_ALL": "C", "PYTHONUTF8": 0, "PYTHONCOERCECLOCALE": 0}
    done = here("scan", "š.png", *CHECK[2:], "--reports", "r", **here_c)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [CHECK, ("rules", "show", "default"), ("--help",)])
def test_row_18_a_reader_that_goes_away_changes_nothing(here, command):
    done = here(*command, shell='set -o pipefail; "$@" | true')
    assert (done.returncode, done.stderr) == (0, "")


def test_row_18_a_scan_that_nobody_reads_stops(here):
    done = here(*SCAN, shell='set -o pipefail; "$@" | true')
    assert done.returncode == 75
    assert done.stderr == "error: the reader of our output went away; run the same command to go on\n"


@pytest.mark.parametrize(("command", "closed"), [(CHECK, ">&-"), (CHECK, "<&- >&- 2>&-"), (SCAN, ">&-")])
def test_row_18_closed_streams(here, tmp_path, command, closed):
    done = here(*command, shell=f'"$@" {closed}')
    assert done.returncode == 0, done.stderr
    (report,) = (tmp_path / "work").rglob("*.parquet")
    assert report.read_bytes().startswith(b"PAR1")  # nothing was printed into it
