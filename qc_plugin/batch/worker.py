"""What a worker process does: one asset after the other, a sign of life after every batch of frames."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import QcError, named
from qc_plugin.store.address import place_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from qc_plugin.asset.check_one import AssetChecker
    from qc_plugin.config import RunConfig
    from qc_plugin.store.s3 import Listed

_MAY_GROW_BYTES = 512 << 20


def serve(pipe: Connection, config: RunConfig) -> None:
    """Check what comes over `pipe` until it closes. A broken setup is told once, as `fatal`."""
    from qc_plugin.asset.check_one import AssetChecker  # here: the owner of the pool needs none of it

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: our owner decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    growth = _Growth()
    try:
        workshop = AssetChecker(config, keep=False)
        _tell(pipe, share=0.0)
        while True:
            _tell(pipe, outcome=_work(workshop, pipe), leaving=growth.too_much())
    except (EOFError, OSError):
        return  # the owner is gone, or wants no more
    except QcError as error:
        _tell(pipe, fatal=named(error), text=str(error))


def _work(workshop: AssetChecker, pipe: Connection) -> dict[str, Any]:
    asked = json.loads(pipe.recv_bytes())
    root, old = asked["root"], asked["report"]

    def watch(share: float) -> bool:
        _tell(pipe, share=share)
        return True

    outcome = workshop.process(
        _place(asked["path"], asked["state"]),
        asked["sha256"],
        watch,
        root=None if root is None else Path(root),
        old=None if old is None else workshop.config.reports / old,
    )
    return outcome.as_json()


def _place(text: str, state: str) -> Path | Listed:
    """The file, or the object in the state in which it was listed."""
    place = place_of(text)
    if isinstance(place, Path):
        return place
    from qc_plugin.store.s3 import Listed

    etag, _, n_bytes = state.rpartition(" ")
    return Listed(place, etag, int(n_bytes or 0))


def _tell(pipe: Connection, **said: object) -> None:
    pipe.send_bytes(json.dumps(said).encode())


class _Growth:
    """Resident memory since the first asset was done: what leaks goes when the process goes."""

    def __init__(self) -> None:
        self._first = 0

    def too_much(self) -> bool:
        """Whether it is time to leave."""
        now = _resident_bytes()
        self._first = self._first or now
        return now - self._first > _MAY_GROW_BYTES


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return 1
    return pages * 4096
