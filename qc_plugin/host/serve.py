"""One call of `qc-plugin hook`: an event on standard input, only JSON lines on standard output.

The host gets an answer whatever happens to the work: a request to stop ends it at the next batch of frames,
and a watchdog answers for work that does not come back from native code.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import QcError, TemporaryError
from qc_plugin.host.answer import of_error, refusal
from qc_plugin.host.event import EVENT_LIMIT_BYTES, parse_event
from qc_plugin.host.manifest import default_timeout_s
from qc_plugin.host.outbox import Outbox
from qc_plugin.host.result import line

if TYPE_CHECKING:
    from types import FrameType

    from qc_plugin.host.event import Event
    from qc_plugin.host.event_handler import EventHandler
    from qc_plugin.host.result import Progress, Refusal, Result

_GRACE_S = 8.0  # after a request to stop, or after the time is over: then the watchdog answers
_DRAIN_S = (
    5.0  # a host that sends too much is read a little longer, so that it sees our answer, not a broken pipe
)
_CHUNK = 1 << 16
_WEBHOOK_S = 20.0  # the answer is out; the host may be waiting for us to exit


class Lines:
    """Our own hold on standard output; the numbered stream itself then leads to standard error.

    Whatever prints, a hook of a package or a native library, can no longer write between our lines.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._fd = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._answered = False
        self.lost = False  # something we said
        self.broken = threading.Event()

    def tell(self, progress: Progress) -> None:
        """Write a progress line, unless the answer is out already."""
        with self._lock:
            if not self._answered:
                self._write(line(progress))

    def answer(self, answer: Result | Refusal) -> bool:
        """Write the answer; False when there was one."""
        with self._lock:
            if self._answered:
                return False
            self._answered = True
            self._write(line(answer))
            return True

    def _write(self, text: str) -> None:
        data = text.encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:  # the host has gone: stop at the next boundary
            self.lost = True
            self.broken.set()


def serve(handler: EventHandler) -> int:
    """Answer one event; the exit code: 0 when a result was given, 2 when the call was not an event.

    75 when nobody took the answer, or standard output is full: the same event again gets the kept answer.
    """
    lines = Lines()
    try:
        raw = read_event(0)
        event, warnings = parse_event(raw)
    except QcError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        lines.answer(refusal(error, _id_in(raw) if "raw" in locals() else None))
        return error.exit_code
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201
    _stop_on_signals(event, lines)
    _watch_time(event, lines)
    result = handler.answer(event, tell=lines.tell, stop=lines.broken)
    result = result.model_copy(update={"warnings": [*warnings, *result.warnings]})
    if lines.answer(result):
        _send_webhooks(handler, event)
    return TemporaryError.exit_code if lines.lost else 0


def read_event(fd: int) -> bytes:
    """The event on `fd`: until its end, or one whole JSON object (some hosts keep the pipe open)."""
    data = bytearray()
    while len(data) <= EVENT_LIMIT_BYTES:
        chunk = os.read(fd, _CHUNK)
        if not chunk:
            return bytes(data)
        data += chunk
        if chunk.rstrip().endswith(b"}") and _whole(data):
            return bytes(data)
    _drain(fd)
    return bytes(data)


def _whole(data: bytearray) -> bool:
    if data.count(b"{") != data.count(b"}"):  # cheap, and true of any object without braces in its texts
        return False
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(data)
        return True
    return False


def _drain(fd: int) -> None:
    ends = time.monotonic() + _DRAIN_S
    while time.monotonic() < ends and os.read(fd, 1 << 20):
        pass


def _id_in(raw: bytes) -> str | None:
    """The id of an event that we refuse, where it can be found: the host may need it to match."""
    with contextlib.suppress(ValueError, RecursionError):
        data: Any = json.loads(raw[:EVENT_LIMIT_BYTES])
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            return str(data["id"])[:512]
    return None


def _stop_on_signals(event: Event, lines: Lines) -> None:
    """SIGTERM and SIGINT end the work at the next batch; what was found until then is the answer."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not lines.broken.is_set():
            lines.broken.set()
            _after(_GRACE_S, lambda: _answer_for(event, lines, "asked to stop"))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _watch_time(event: Event, lines: Lines) -> None:
    timeout_s = event.timeout_s or default_timeout_s(event.event)
    if timeout_s is not None:
        _after(timeout_s + _GRACE_S, lambda: _answer_for(event, lines, f"the {timeout_s:g} s are over"))


def _answer_for(event: Event, lines: Lines, why: str) -> None:
    """Answer for work that does not come to a boundary, and exit: native code cannot be interrupted."""
    error = TemporaryError(
        f"{why}, and the work did not come to a boundary in {_GRACE_S:g} s; send the event again"
    )
    if lines.answer(of_error(event, error)):
        os._exit(0)


def _after(seconds: float, call: Any) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


def _send_webhooks(handler: EventHandler, event: Event) -> None:
    """Off the critical path: the answer is out. What is not taken now waits in the outbox."""
    with contextlib.suppress(QcError, OSError):
        config = handler.config_for(event)
        if config.webhook and not event.settings.dry_run:
            Outbox(config.reports).send(limit_s=_WEBHOOK_S)
