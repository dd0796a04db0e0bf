"""A watch folder by polling: a file is taken when nothing about it changed between two looks.

Polling, not notifications: they do not arrive from network shares, where watch folders live.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.batch.found import Found, Skipped
from qc_plugin.batch.walk import walk
from qc_plugin.errors import QcError, UsageError
from qc_plugin.host.answer import lasting
from qc_plugin.host.event import PROTOCOL, Event

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from qc_plugin.host.event_handler import EventHandler
    from qc_plugin.host.result import Result

log = logging.getLogger(__name__)
_LONGEST_WAIT_S = 3600.0
Token = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """How to look at a folder. `sidecar`: take a file only when one with this suffix added lies beside it.

    `ignore`: globs of names to leave alone, beside what every scan leaves out; `but`: folders not entered.
    """

    folder: Path
    poll_s: float = 5.0
    sidecar: str | None = None
    ignore: tuple[str, ...] = ()
    but: tuple[Path, ...] = ()
    until_idle: bool = False


@dataclass(slots=True)
class _State:
    seen: dict[Path, Token] = field(default_factory=dict)  # as of the last look
    done: dict[Path, Token] = field(default_factory=dict)  # answered for good
    failed: dict[Path, tuple[int, float]] = field(default_factory=dict)  # tries, and when to try again
    told: set[str] = field(default_factory=set)  # what could not be searched at the last look


def watch(
    handler: EventHandler, settings: WatchSettings, *, tell: Callable[[Result], None], stop: threading.Event
) -> None:
    """Answer every finished file until `stop` is set. Raises UsageError when the folder is not there.

    With `until_idle`, ends when two looks in a row found everything unchanged and answered.
    """
    if not settings.folder.is_dir():
        raise UsageError(f"{settings.folder}: no such folder; create it or check the path")
    state = _State()
    while not stop.is_set():
        ready = _look(settings, state)
        for path, token in ready:
            if stop.is_set():
                return
            result = handler.answer(file_event(path, token), stop=stop)
            tell(result)
            _note(state, path, token, final=lasting(result))
        if settings.until_idle and not ready and _idle(state):
            return
        stop.wait(settings.poll_s)


def file_event(path: Path, token: Token) -> Event:
    """The event for a file as it is now. Its id follows from name, size and time: a restart asks the same."""
    identity = "\0".join((str(path.resolve()), *map(str, token)))
    name = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return Event.model_validate(
        {"schema": PROTOCOL, "event": "asset.ingested", "id": f"watch-{name}", "asset": {"uri": str(path)}}
    )


def _look(settings: WatchSettings, state: _State) -> list[tuple[Path, Token]]:
    """Files that did not change since the last look and are not answered yet; remembers this look."""
    now: dict[Path, Token] = {}
    try:
        for path in _files(settings, state):
            token = _token(path)
            if token is not None and _announced(path, settings.sidecar):
                now[path] = token
    except QcError as error:  # the folder itself is away for a while: nothing that was answered is forgotten
        _tell_once(state, {str(error)})
        return []
    steady = [(path, token) for path, token in now.items() if state.seen.get(path) == token]
    state.seen = now
    for path in [p for p in state.done if p not in now and not state.told]:
        del state.done[path]
    return [(p, t) for p, t in steady if state.done.get(p) != t and _due(state, p)]


def _files(settings: WatchSettings, state: _State) -> Iterator[Path]:
    """What a scan would take; what cannot be searched is told when it is new."""
    troubles = set()
    for met in walk([settings.folder], but=settings.but, ignore=settings.ignore):
        if isinstance(met, Found) and isinstance(met.path, Path):
            yield met.path
        elif isinstance(met, Skipped) and met.kind != "empty":
            troubles.add(met.text)
    _tell_once(state, troubles)


def _tell_once(state: _State, troubles: set[str]) -> None:
    for text in sorted(troubles - state.told):
        log.warning("%s", text)
    state.told = troubles


def _note(state: _State, path: Path, token: Token, *, final: bool) -> None:
    if final:
        state.done[path] = token
        state.failed.pop(path, None)
        return
    tries = state.failed.get(path, (0, 0.0))[0] + 1
    state.failed[path] = tries, time.monotonic() + min(_LONGEST_WAIT_S, 2.0**tries)


def _due(state: _State, path: Path) -> bool:
    return time.monotonic() >= state.failed.get(path, (0, 0.0))[1]


def _idle(state: _State) -> bool:
    return all(state.done.get(path) == token or path in state.failed for path, token in state.seen.items())


def _announced(path: Path, sidecar: str | None) -> bool:
    if sidecar is None:
        return True
    return not path.name.endswith(sidecar) and path.with_name(path.name + sidecar).is_file()


def _token(path: Path) -> Token | None:
    try:
        stat = path.stat()
    except OSError:  # gone between listing and looking
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
