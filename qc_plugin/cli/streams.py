"""The standard streams as strangers give them: closed, full, without UTF-8, or with nobody who reads.

Results are written, or the command ends with 75. A reader that goes away is no fault: what is left to say is
dropped, and so is what standard error does not take.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from qc_plugin.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STAND_INS = {"\N{CHECK MARK}": "+", "\N{BALLOT X}": "x", "\N{HORIZONTAL ELLIPSIS}": "..."}
_ERRORS = "qc-stand-in"


class StandardStream(io.TextIOWrapper):
    """A text stream over a standard descriptor; see `guard`. `results`: a loss must not go unnoticed."""

    def __init__(self, stream: io.TextIOWrapper, *, results: bool) -> None:
        encoding, how = stream.encoding, (stream.line_buffering, stream.write_through)
        super().__init__(stream.detach(), encoding, _ERRORS, None, *how)  # which leaves nobody to close it
        self._results = results
        self.reader_gone = False

    def write(self, text: str) -> int:
        """As TextIOWrapper. Raises TemporaryError where results cannot be written."""
        with self._told():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """As `write`."""
        with self._told():
            super().flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Else what is in the buffer would fail again at each flush, and at the end of Python.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            self.reader_gone = True
            if self._results and not isinstance(error, BrokenPipeError):
                raise TemporaryError(
                    f"standard output cannot be written ({error.strerror}); make room and run again"
                ) from error


def guard() -> None:
    """Put streams of ours in the place of the standard ones; all three descriptors are open then."""
    codecs.register_error(_ERRORS, _stand_in)
    for descriptor in range(3):
        _open_if_closed(descriptor)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as we live
    sys.stdout = _guarded(sys.stdout, 1)
    sys.stderr = _guarded(sys.stderr, 2)


def reader_gone() -> bool:
    """Whether nobody reads our results any more: then long work may end."""
    stream = getattr(sys.stdout, "real", sys.stdout)  # while hooks run theirs goes elsewhere
    return isinstance(stream, StandardStream) and stream.reader_gone


def stop_if_unread() -> None:
    """End work that takes long. Raises TemporaryError when the reader of the results went away."""
    if reader_gone():
        raise TemporaryError("the reader of our output went away; run the same command to go on")


def _open_if_closed(descriptor: int) -> None:
    """Else the next file that is opened would get what is printed."""
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)
        os.set_inheritable(descriptor, True)


def _guarded(stream: TextIO | None, descriptor: int) -> TextIO:
    """The stream, or one to nowhere in the place of None; one that is not Python's own stays as it is."""
    stream = stream or open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, StandardStream):
        return stream
    return StandardStream(stream, results=descriptor == 1)


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """What to write for characters that the stream's encoding lacks: a likeness, else its number."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join(
        _STAND_INS.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking
    ), error.end
