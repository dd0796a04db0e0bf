"""Names that the screen's library would take for its own markup are printed as they are."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("doctor", "--reports", "a[/red]b"), "reports folder: a[/red]b"),
        (("config", "show"), "a[/red]b"),
        (("thumbs", "still.png", "--best", "1", "--crops", "1:1", "--out", "a[/red]b"), "frames in a[/red]b"),
    ],
)
def test_names_are_printed_as_they_are(stranger, still, tmp_path, command, told):
    (tmp_path / "work/still.png").write_bytes(still.read_bytes())
    done = stranger(*command, QC_REPORTS="a[/red]b", COLUMNS=200)
    assert done.returncode in (0, 10), done.stderr
    assert told in done.stdout
    assert "internal error" not in done.stderr
