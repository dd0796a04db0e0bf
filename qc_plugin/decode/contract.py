"""What every video reader provides, whichever library decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from qc_plugin.types import DecodeStats, Frame, MediaInfo, Preview


@runtime_checkable
class DecodedFrame(Protocol):
    """A handle on one decoded frame.

    `index` counts decoded frames. `pts` is the container's own timestamp; `pts_s` is on the clock that
    players show and `ffmpeg -ss` takes: seconds since the container's start time, always later than the frame
    before. `duration_s` reaches to the next frame. `is_key`: decoded without any other frame.
    """

    @property
    def index(self) -> int:
        """Decode ordinal, from 0."""
        ...

    @property
    def pts(self) -> int | None:
        """Timestamp in ticks of the container; None where it has none."""
        ...

    @property
    def pts_s(self) -> float:
        """Seconds since the start of the container."""
        ...

    @property
    def duration_s(self) -> float:
        """Seconds until the next frame."""
        ...

    @property
    def is_key(self) -> bool:
        """Whether this frame needs no other to be decoded."""
        ...

    @property
    def is_corrupt(self) -> bool:
        """Whether the decoder marked it as damaged or concealed a part of it."""
        ...

    @property
    def preview(self) -> Preview:
        """Small luma and chroma, made on first use without RGB, then kept."""
        ...

    def to_frame(self) -> Frame:
        """RGB, upright, square pixels, SDR; always `info.height_px` x `info.width_px`.

        Raises:
            RuntimeError: the reader is closed or the pixels were given back by `release`.
        """
        ...

    def release(self) -> None:
        """Give the decoded pixels back; `preview` stays if it was made before."""
        ...


@runtime_checkable
class VideoReader(Protocol):
    """An open video. A context manager: frames live until it is closed."""

    @property
    def info(self) -> MediaInfo:
        """Size, codec, colour, time, and every assumption taken."""
        ...

    @property
    def stats(self) -> DecodeStats:
        """What was decoded and lost so far."""
        ...

    @property
    def n_read(self) -> int:
        """Grows as long as the reader gets on, also where no frame comes out."""
        ...

    def decoded(self, keyframes_only: bool = False) -> Iterator[DecodedFrame]:
        """Frames in order of presentation, once per reader.

        Raises:
            LimitExceeded: the stream turned out longer or larger than allowed.
        """
        ...

    def close(self) -> None:
        """Free the decoder."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
