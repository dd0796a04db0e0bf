"""Calls foreign code so that it can neither stop the work, nor hold it up, nor write between our lines."""

from __future__ import annotations

import io
import sys
import threading
from typing import TYPE_CHECKING, TextIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_MARK = "qc-hook:"  # begins the name of every thread that runs foreign code


class HookFailure(Exception):
    """A hook raised or did not return (`hung`); the message is one clause."""

    def __init__(self, text: str, *, hung: bool = False) -> None:
        super().__init__(text)
        self.hung = hung


class _Divided(io.TextIOBase):
    """Standard output for everyone but hooks, whose prints go to standard error.

    By thread, not by time: a hook that is given up on may print long after its call has ended.
    """

    def __init__(self, real: TextIO) -> None:
        super().__init__()
        self.real = real

    def _target(self) -> TextIO:
        return sys.stderr if threading.current_thread().name.startswith(_MARK) else self.real

    def write(self, text: str) -> int:
        return self._target().write(text)

    def flush(self) -> None:
        self._target().flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.real.isatty()

    def fileno(self) -> int:
        return self._target().fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream behind it: rich and typer ask for it."""
        return self.real.encoding


def guarded(call: Callable[[], T], *, owner: str, timeout_s: float) -> T:
    """The value of `call`, run on a thread of its own. Raises HookFailure when it raises or takes too long.

    A call that hangs is left behind on its daemon thread: Python cannot end it, and it dies with the process.
    """
    _divide_stdout()
    values: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            values.append(call())
        except BaseException as error:  # noqa: BLE001 - SystemExit of a hook must not end the work either
            errors.append(error)

    thread = threading.Thread(target=run, name=f"{_MARK}{owner}", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if errors:
        raise HookFailure(f"raised {type(errors[0]).__name__}: {errors[0]}") from errors[0]
    if not values:
        raise HookFailure(f"did not return within {timeout_s:g} s", hung=True)
    return values[0]


def _divide_stdout() -> None:
    if not isinstance(sys.stdout, _Divided):
        sys.stdout = _Divided(sys.stdout)
