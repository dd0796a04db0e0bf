"""What is wanted of an asset, and walking through it: the same inside a sandbox and without one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from qc_plugin.decode import load_artwork, open_video, parse_sample, select
from qc_plugin.types import DecodeStats

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qc_plugin.decode import DecodedFrame, Limits, VideoReader
    from qc_plugin.types import AssetKind, Frame, MediaInfo, Preview


@dataclass(frozen=True, slots=True)
class DecodedLook:
    """One decoded frame: always its preview, its RGB where it was wanted.

    `corrupt`: the decoder says that it is not as it was made. `n_lost` counts packets without a frame so far.
    """

    preview: Preview
    frame: Frame | None
    corrupt: bool = False
    n_lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which frames come as RGB: those of `sample`, or those with the decode ordinals `indices`.

    Previews come of all frames; under `indices` of the wanted ones and their neighbours.
    """

    sample: str = "2fps"
    indices: tuple[int, ...] | None = None
    most: int = 1_000_000  # RGB pictures; never more than the limits allow


class Source(Protocol):
    """An open asset, decoded or about to be."""

    @property
    def info(self) -> MediaInfo:
        """What is known so far."""
        ...

    @property
    def stats(self) -> DecodeStats:
        """Counts so far."""
        ...

    @property
    def n_read(self) -> int:
        """Grows with progress."""
        ...

    def looks(self) -> Iterator[DecodedLook]:
        """All frames in order, once."""
        ...


@contextmanager
def open_source(
    path: str | Path, kind: AssetKind, wanted: Wanted, *, reader: Literal["pyav", "decord"], limits: Limits
) -> Iterator[Source]:
    """The asset, decoded in this process. Raises AssetError as `decode` does."""
    if kind == "artwork":
        yield _Artwork(*load_artwork(path, limits=limits))
        return
    with open_video(path, reader=reader, limits=limits) as video:
        yield _Video(video, wanted)


class _Video:
    def __init__(self, reader: VideoReader, wanted: Wanted) -> None:
        self._reader, self._wanted = reader, wanted

    @property
    def info(self) -> MediaInfo:
        return self._reader.info

    @property
    def stats(self) -> DecodeStats:
        return self._reader.stats

    @property
    def n_read(self) -> int:
        return self._reader.n_read

    def looks(self) -> Iterator[DecodedLook]:
        wanted = self._wanted
        plan = parse_sample(wanted.sample, max_frames=wanted.most)
        decoded = self._reader.decoded(plan.keyframes_only)
        if wanted.indices is None:
            for frame, chosen in select(decoded, plan, info=self._reader.info):
                yield self._look(frame, with_rgb=chosen)
                frame.release()
            return
        indices = set(wanted.indices)
        beside = {index + step for index in indices for step in (-1, 0, 1)}
        last = max(beside, default=0)
        for frame in decoded:
            if frame.index in beside:
                yield self._look(frame, with_rgb=frame.index in indices)
            frame.release()
            if frame.index >= last:
                return

    def _look(self, frame: DecodedFrame, *, with_rgb: bool) -> DecodedLook:
        rgb = frame.to_frame() if with_rgb else None
        return DecodedLook(frame.preview, rgb, frame.is_corrupt, self._reader.stats.n_errors)


class _Artwork:
    n_read = 1

    def __init__(self, info: MediaInfo, frame: Frame, preview: Preview) -> None:
        self.info, self.stats = info, DecodeStats(n_decoded=1)
        self._look = DecodedLook(preview, frame)

    def looks(self) -> Iterator[DecodedLook]:
        yield self._look
