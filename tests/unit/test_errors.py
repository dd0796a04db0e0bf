"""One table says what each error means: to commands, totals, sheets, the ledger and hosts."""

import errno
import os
import re
from pathlib import Path

import pytest

from qc_plugin import errors
from qc_plugin.batch.found import unreadable
from qc_plugin.cli.screen import _REASONS
from qc_plugin.inference.tensorrt.device_buffers import GpuLostError, GpuMemoryError

DOCS = Path(__file__).resolve().parents[2] / "docs/exit-codes.md"


def test_the_table_is_whole_and_says_what_the_docs_say():
    assert errors.CODES_WORST_FIRST == (70, 75, 22, 21, 20)
    assert {0, 20, 21, 22} == errors.LASTING_CODES
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", DOCS.read_text(), re.MULTILINE)}
    assert {*errors.CODES_WORST_FIRST, errors.SetupError.exit_code} < documented
    assert "(70, 75, 22, 21,\n20)" in DOCS.read_text()
    for kind in errors.ASSET_ERRORS:
        assert errors.class_of(kind.exit_code) is kind
        assert kind.next_step != errors.QcError.next_step
        assert f"({kind.exit_code})" in _REASONS[kind.__name__]
    assert errors.class_of(0) is None
    assert errors.class_of(70) is errors.QcError


@pytest.mark.parametrize("kind", [errors.RuleError, GpuLostError, GpuMemoryError])
def test_an_error_of_a_worker_is_the_same_error_here(kind):
    """Also one whose class lives in a room that the owner of the worker does not know."""
    error = kind("a sentence")
    there = errors.from_other(errors.named(error), str(error))
    assert isinstance(error, type(there))
    assert (there.exit_code, str(there)) == (error.exit_code, "a sentence")


@pytest.mark.parametrize(
    ("number", "code", "fix"),
    [
        (errno.EIO, 75, "look at the disk or the share, then scan again"),
        (errno.EMFILE, 75, "scan again"),
        (errno.EACCES, 20, "let this account read it, or leave it out with --ignore"),
    ],
)
def test_what_passes_is_for_later(number, code, fix):
    said = unreadable(Path("/a"), OSError(number, os.strerror(number)))
    assert (said.exit_code, said.text.split("): ")[1]) == (code, fix)
