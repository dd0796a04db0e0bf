"""An asset decoded behind a wall: pictures come out, whatever the file does to the process that reads it.

Everything that comes back is checked: words by schema, pictures by shape, place and count.
"""

from __future__ import annotations

import math
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.errors import DecoderDied, LimitExceeded, QcError
from qc_plugin.isolation import wire
from qc_plugin.isolation.launch import POOL, SUPPORTED, SandboxMode
from qc_plugin.isolation.looks import DecodedLook, Wanted, open_source
from qc_plugin.isolation.messages import MESSAGE, Beat, End, Failure, Info, LookSaid, Message
from qc_plugin.isolation.opening import check_unchanged, open_hashed
from qc_plugin.isolation.slots import Layout, Slots, new_memory
from qc_plugin.types import Asset, DecodeStats, Frame, MediaInfo, Preview

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

ReaderName = Literal["pyav", "decord"]
IN_PROCESS = "none: this system offers no isolation"


class Samples:
    """Frames of one asset, decoded elsewhere. `posture` says what held the decoder."""

    def __init__(
        self, asset: Asset, wanted: Wanted, reader: ReaderName, limits: Limits, mode: SandboxMode
    ) -> None:
        self._limits, self._mode = limits, mode
        self._waited_s = 0.0
        self._duration_s: float | None = None
        self._stats = DecodeStats()
        self._ended = False
        self.cpu_s = 0.0
        self._name = Path(asset.path).name
        descriptor = open_hashed(asset)
        try:
            self._sandbox = POOL.take(mode)
            self._channel, theirs = wire.pair()
            request = {
                "name": self._name,
                "kind": asset.kind,
                "wanted": asdict(wanted),
                "reader": reader,
                "limits": asdict(limits),
            }
            with theirs:
                self._sandbox.start(request, (descriptor, theirs.fileno()))
        finally:
            os.close(descriptor)
        self.posture = self._sandbox.posture
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> MediaInfo:
        """What is known so far."""
        return self._info

    @property
    def stats(self) -> DecodeStats:
        """Counts up to the last look taken; final once `looks` is exhausted."""
        return self._stats

    def looks(self) -> Iterator[DecodedLook]:
        """All frames in order, once.

        Raises:
            AssetError: what decoding raised; DecoderDied when it crashed, hung or talked nonsense.
        """
        last_index, last_s = -1, float("-inf")
        n_looks = n_pictures = 0
        while not self._ended:
            said = self._next()
            if isinstance(said, End):
                self._finish(said)
            elif isinstance(said, LookSaid):
                n_looks += 1
                n_pictures += said.rgb is not None
                in_order = said.index > last_index and said.pts_s > last_s
                if not in_order or max(n_looks // 2, n_pictures) > self._limits.max_packets:
                    raise self._died("sent frames out of order or without end")
                last_index, last_s = said.index, said.pts_s
                yield self._look(said)

    def close(self) -> None:
        """End the decoder if it still runs; the sandbox serves the next asset."""
        self._channel.close()
        self._sandbox.end(kill=not self._ended)
        POOL.give_back(self._mode, self._sandbox)

    def _begin(self) -> None:
        """Hear of the size, and offer memory for it."""
        said = self._next()
        if not isinstance(said, Info):
            raise self._died("sent no description")
        self._info, self._duration_s = said.info, said.info.duration_s
        if min(self._size()) < 1:
            raise self._died("sent no size")
        self._limits.check_size(*self._size(), self._name)
        layout = Layout.fitting(self._info.width_px, self._info.height_px, self._limits.max_side)
        memory = new_memory(layout.n_bytes)
        try:
            self._slots = Slots(layout, memory)
            self._tell({"n_slots": layout.n_slots}, (memory,))
        finally:
            os.close(memory)

    def _size(self) -> tuple[int, int]:
        return self._info.width_px, self._info.height_px

    def _next(self) -> Message:
        """The next message that is more than a sign of life; a failure told is raised."""
        while True:
            said = self._receive()
            if isinstance(said, Failure):
                self._ended = True
                raise said.as_error(self._name)
            if not isinstance(said, Beat):
                return said

    def _receive(self) -> Message:
        left_s = self._limits.allowed_s(self._duration_s) - self._waited_s
        if left_s <= 0:
            raise self._slow()
        waited_s = wire.wait_for(self._channel, min(left_s, self._limits.no_progress_s))
        if waited_s is None and left_s <= self._limits.no_progress_s:
            raise self._slow()
        if waited_s is None:
            raise self._died(f"made no progress for {self._limits.no_progress_s:g} s")
        self._waited_s += waited_s
        try:
            data = wire.receive_bytes(self._channel)
        except OSError:
            data = b""
        if not data:
            raise self._crashed()
        try:
            return MESSAGE.validate_json(data)
        except ValidationError:
            raise self._died("sent what is no message of ours") from None

    def _tell(self, message: dict[str, object], descriptors: tuple[int, ...] = ()) -> None:
        try:
            wire.send(self._channel, message, descriptors)
        except OSError:
            raise self._crashed() from None

    def _look(self, said: LookSaid) -> DecodedLook:
        """Copies of the pictures; the slot is free again."""
        try:
            parts = [self._copy(said.slot, part, shape) for part, shape in enumerate(said.shapes())]
            preview = Preview(said.index, said.pts_s, *parts)
            frame = self._frame(said) if said.rgb else None
        except ValueError:
            raise self._died("named a picture that does not fit") from None
        n_decoded = said.index + 1
        self._stats = DecodeStats(n_decoded=n_decoded, n_errors=said.errors, n_corrupt=said.corrupt)
        self._tell_free(said.slot)
        return DecodedLook(preview, frame, said.is_corrupt, said.errors)

    def _frame(self, said: LookSaid) -> Frame:
        assert said.rgb is not None
        shape = (self._info.height_px, self._info.width_px, 3)
        return Frame(
            index=said.index,
            pts_s=said.pts_s,
            duration_s=said.rgb.duration_s,
            rgb=self._copy(said.slot, 3, shape),
            pts=said.rgb.pts,
            time_base=said.rgb.time_base,
        )

    def _copy(self, slot: int, part: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        return self._slots.place(slot, part, shape).copy()

    def _tell_free(self, slot: int) -> None:
        """A decoder that has ended meanwhile needs no slot; how it ended is the next thing we hear."""
        try:
            wire.send(self._channel, {"free": [slot]})
        except OSError:
            return

    def _finish(self, said: End) -> None:
        size = self._size()
        self._info, self._stats, self.cpu_s = said.info, said.stats, said.cpu_s
        if self._size() != size or not math.isfinite(said.stats.decoded_s):
            raise self._died("changed its mind about the size or the length")
        self._ended = True

    def _crashed(self) -> QcError:
        status = self._sandbox.end(kill=False)
        self._ended = True
        code = None if status is None else os.waitstatus_to_exitcode(status)
        if code is not None and -code == signal.SIGXCPU:
            return self._slow()
        how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended early ({code})"
        return self._died(how)

    def _died(self, how: str) -> DecoderDied:
        return DecoderDied(f"{self._name}: the decoder {how}; transfer the file again, or leave it out")

    def _slow(self) -> LimitExceeded:
        return LimitExceeded(
            f"{self._name} takes longer to decode than {self._limits.timeout_s:g} s and its share of the "
            f"duration (profile '{self._limits.name}'): split it or choose a wider profile."
        )


class InProcess:
    """The same without a wall, where the system has none to offer, and to measure what the wall costs."""

    posture = IN_PROCESS

    def __init__(self, asset: Asset, wanted: Wanted, reader: ReaderName, limits: Limits) -> None:
        self._context = open_source(asset.path, asset.kind, wanted, reader=reader, limits=limits)
        self._source = self._context.__enter__()
        self.cpu_s = 0.0

    @property
    def info(self) -> MediaInfo:
        """What is known so far."""
        return self._source.info

    @property
    def stats(self) -> DecodeStats:
        """Counts so far."""
        return self._source.stats

    def looks(self) -> Iterator[DecodedLook]:
        """All frames in order, once. Raises AssetError."""
        started = time.thread_time()
        for look in self._source.looks():
            self.cpu_s = time.thread_time() - started
            yield look

    def close(self) -> None:
        """Free the decoder."""
        self._context.__exit__(None, None, None)


@contextmanager
def open_samples(
    asset: Asset,
    wanted: Wanted | None = None,
    *,
    reader: ReaderName = "pyav",
    limits: Limits = DEFAULT_LIMITS,
    sandbox: SandboxMode = "preferred",
) -> Iterator[Samples | InProcess]:
    """The frames of a video, or the one of an artwork, from a process of their own; see `Samples`.

    Raises:
        AssetError: it cannot be decoded; DecoderDied when decoding it took its process down.
        TemporaryError: not the file that was hashed, by `asset.state`, before or after.
        ConfigError: `sandbox` is `required` and there is none.
    """
    wanted = wanted or Wanted()
    wanted = replace(wanted, most=min(wanted.most, limits.max_frames_scored))
    samples: Samples | InProcess
    if SUPPORTED:
        samples = Samples(asset, wanted, reader, limits, sandbox)
    else:
        samples = InProcess(asset, wanted, reader, limits)
    try:
        yield samples
        check_unchanged(asset)
    finally:
        samples.close()


def warm_up(sandbox: SandboxMode) -> None:
    """Begin to start what decodes, while the engines load."""
    if SUPPORTED:
        POOL.warm(sandbox)
