"""Runs in the child: decodes one asset and puts its pictures into shared memory."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.decode import Limits
from qc_plugin.errors import QcError
from qc_plugin.isolation import wire
from qc_plugin.isolation.confine import confine_child
from qc_plugin.isolation.looks import DecodedLook, Source, Wanted, open_source
from qc_plugin.isolation.slots import Layout, Slots

if TYPE_CHECKING:
    import socket

_BEAT_S = 1.0
_MOST_TEXT = 4000


def preload() -> None:
    """Load the libraries once, before any fork."""
    import cv2

    from qc_plugin.decode import artwork, video  # noqa: F401

    cv2.setNumThreads(1)  # assets run side by side; threads of a pool would not survive the fork either


def run(request: dict[str, Any], asset: int, channel: socket.socket) -> None:
    """Decode the asset behind descriptor `asset` as `request` says, and tell over `channel`."""
    limits = Limits(**request["limits"])
    confine_child(limits)
    try:
        path = _named(asset, request)
        wanted = Wanted(**request["wanted"])
        with open_source(path, request["kind"], wanted, reader=request["reader"], limits=limits) as source:
            _send_all(source, channel, limits)
    except QcError as error:
        _tell_error(channel, type(error).__name__, str(error))
    except MemoryError:
        text = f"{request['name']} needs more memory than it may have: scale it down or widen the limits."
        _tell_error(channel, "LimitExceeded", text)
    except OSError as error:
        if not isinstance(error, BrokenPipeError | ConnectionError):  # the owner wants no more
            _tell_error(channel, "internal", repr(error))
    except Exception as error:  # noqa: BLE001 - the last word of a process; the other side reports it
        _tell_error(channel, "internal", repr(error))


def _tell_error(channel: socket.socket, name: str, text: str) -> None:
    wire.send(channel, {"say": "error", "error": name, "text": text[:_MOST_TEXT]})


def _named(asset: int, request: dict[str, Any]) -> Path:
    """A link with the name of the asset: what is opened is the descriptor, wherever the name leads by now."""
    link = Path.cwd() / (request["name"] if request["name"] not in ("", ".", "..") else "asset")
    with suppress(FileNotFoundError):
        link.unlink()
    link.symlink_to(f"/proc/self/fd/{asset}")
    return link


def _send_all(source: Source, channel: socket.socket, limits: Limits) -> None:
    sender = _Sender(source, channel, limits)
    threading.Thread(target=sender.beat, daemon=True).start()
    for look in source.looks():
        sender.send(look)
    sender.finish()


class _Sender:
    """Places looks into slots that the owner has given back."""

    def __init__(self, source: Source, channel: socket.socket, limits: Limits) -> None:
        self._source, self._channel = source, channel
        wire.send(channel, {"say": "info", "info": dataclasses.asdict(source.info)})
        answer, (memory,) = wire.receive(channel, 1)
        layout = Layout(source.info.width_px, source.info.height_px, limits.max_side, answer["n_slots"])
        self._slots = Slots(layout, memory)
        os.close(memory)
        self._free = deque(range(layout.n_slots))

    def send(self, look: DecodedLook) -> None:
        """Wait for a slot, fill it, say what lies in it."""
        if not self._free:
            self._free.extend(wire.receive(self._channel)[0]["free"])
        slot = self._free.popleft()
        preview, frame = look.preview, look.frame
        parts = [preview.luma, preview.chroma, preview.rows, *([frame.rgb] if frame else [])]
        for part, array in enumerate(parts):
            self._slots.place(slot, part, array.shape)[...] = array
        stats = self._source.stats
        said = {
            "say": "look",
            "slot": slot,
            "index": preview.index,
            "pts_s": preview.pts_s,
            "luma": preview.luma.shape,
            "chroma": preview.chroma.shape,
            "rows": preview.rows.shape,
            "errors": look.n_lost,
            "corrupt": stats.n_corrupt,
            "is_corrupt": look.corrupt,
        }
        if frame is not None:
            said["rgb"] = {"pts": frame.pts, "time_base": frame.time_base, "duration_s": frame.duration_s}
        wire.send(self._channel, said)

    def finish(self) -> None:
        """Say how it ended."""
        source = self._source
        said = {"info": dataclasses.asdict(source.info), "stats": dataclasses.asdict(source.stats)}
        wire.send(self._channel, {"say": "end", "cpu_s": time.process_time(), **said})

    def beat(self) -> None:
        """Say that packets are being read, also where no frame comes of them. A hang stops the count."""
        last = -1
        while True:
            time.sleep(_BEAT_S)
            now = self._source.n_read
            if now == last:
                continue
            last = now
            try:
                wire.send(self._channel, {"say": "beat"})
            except OSError:
                sys.exit()
