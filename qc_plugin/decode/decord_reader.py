"""Video by decord (or decord2, its maintained form): the second reader, extra `[decord]`.

It reads less than the default reader and says so: what it is known to get wrong is refused, never returned.
It decodes straight to RGB, so a preview costs a full colour conversion. Size, colour and time of the first
frame come from the default reader, which also keeps playlists and oversized files away from decord's own
demuxers.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2

from qc_plugin.decode.alpha import has_alpha
from qc_plugin.decode.describe import MIRRORED_NOTE
from qc_plugin.decode.encryption import encryption_of
from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.decode.rgb_preview import preview_of_rgb
from qc_plugin.decode.video import PyavReader
from qc_plugin.errors import ConfigError, UnsupportedAsset
from qc_plugin.types import DecodeStats, Frame, MediaInfo, Preview

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

# Any frame that decord replaced by a neighbour is one too many: a share this small means "none".
_NO_SUBSTITUTES = 1e-9
_EARLY_S = 1.0


@dataclass(slots=True)
class DecordFrame:
    """A frame that decord has already turned into RGB. See `contract.DecodedFrame`; `pts` is not known."""

    index: int
    pts_s: float
    duration_s: float
    is_key: bool
    reader: DecordReader
    rgb: NDArray[np.uint8] | None
    pts: int | None = None
    is_corrupt: bool = False  # decord does not tell
    made_preview: Preview | None = None

    @property
    def preview(self) -> Preview:
        """Small luma and chroma, from RGB; made once."""
        if self.made_preview is None:
            self.made_preview = preview_of_rgb(self._pixels(), index=self.index, pts_s=self.pts_s)
        return self.made_preview

    def to_frame(self) -> Frame:
        """The RGB of this frame. Raises RuntimeError when it was given back."""
        return Frame(index=self.index, pts_s=self.pts_s, duration_s=self.duration_s, rgb=self._pixels())

    def release(self) -> None:
        """Let go of the RGB."""
        self.rgb = None

    def _pixels(self) -> NDArray[np.uint8]:
        if self.rgb is None or self.reader.closed:
            raise RuntimeError(
                f"frame {self.index}: its pixels were given back; use it while the reader is open"
            )
        return self.rgb


class DecordReader:
    """An open video, decoded by decord. See `contract.VideoReader`."""

    def __init__(
        self, path: str | Path, *, threads: int | Literal["auto"] = 1, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        decord, decoder = _library()
        self._name = Path(path).name
        self._decord_error: type[Exception] = decord.DECORDError
        described, self._first_s = _described(path, limits)
        _refuse(described, path)
        self._info = replace(_as_decord_sees_it(described), decoder=decoder)
        self._n_decoded = self._n_errors = 0
        self._ended_early = self._started = self.closed = False
        self._decoded_s = 0.0
        try:
            self._video: Any = decord.VideoReader(
                str(Path(path).absolute()),
                ctx=decord.cpu(0),
                num_threads=0 if threads == "auto" else max(1, threads),
                fault_tol=_NO_SUBSTITUTES,
            )
            self._n_stated = len(self._video)
        except (decord.DECORDError, RuntimeError) as error:
            raise UnsupportedAsset(
                f"{self._name} cannot be opened by decord: use the reader 'pyav'."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the decoder; frames not yet copied are lost."""
        self.closed = True
        self._video = None

    @property
    def info(self) -> MediaInfo:
        """As the default reader sees it, with `decoder` naming decord."""
        return self._info

    @property
    def stats(self) -> DecodeStats:
        """Counts so far; decord does not tell damaged frames apart, so `n_corrupt` stays 0."""
        return DecodeStats(
            n_decoded=self._n_decoded,
            n_errors=self._n_errors,
            ended_early=self._ended_early,
            decoded_s=self._decoded_s,
        )

    @property
    def n_read(self) -> int:
        """Frames so far: decord shows nothing finer."""
        return self._n_decoded

    def decoded(self, keyframes_only: bool = False) -> Iterator[DecordFrame]:
        """Frames in order of presentation; once per reader. The first broken frame ends the stream."""
        if self._started:
            raise RuntimeError("decoded() runs once for a reader: open the video again")
        self._started = True
        keys = {int(number) for number in self._video.get_key_indices()}
        numbers = sorted(keys | {0}) if keyframes_only else list(range(self._n_stated))
        # decord's own frame ends come from packet durations, which are wrong where the frame rate varies.
        stamps = self._video.get_frame_timestamp(numbers)
        starts_s = [float(start) - float(stamps[0][0]) + self._first_s for start, _ in stamps]
        ends_s = [*starts_s[1:], starts_s[-1] + float(stamps[-1][1]) - float(stamps[-1][0])]
        for number, start_s, end_s in zip(numbers, starts_s, ends_s, strict=True):
            frame = self._read(number, start_s, end_s, is_key=number in keys)
            if frame is None:
                break
            self._n_decoded += 1
            self._decoded_s = frame.pts_s + frame.duration_s - self._first_s
            yield frame
        self._ended_early |= self._is_early(keyframes_only)

    def _read(self, number: int, start_s: float, end_s: float, *, is_key: bool) -> DecordFrame | None:
        """One frame by its number, or None where decord cannot go on."""
        try:
            rgb = self._video[number].asnumpy()
        except (self._decord_error, RuntimeError, StopIteration, IndexError):
            self._n_errors += 1
            self._ended_early = True
            return None
        size = (self._info.width_px, self._info.height_px)
        if (rgb.shape[1], rgb.shape[0]) != size:
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)
        return DecordFrame(
            index=self._n_decoded,
            pts_s=start_s,
            duration_s=end_s - start_s,
            is_key=is_key,
            reader=self,
            rgb=rgb,
        )

    def _is_early(self, keyframes_only: bool) -> bool:
        stated_s = self._info.duration_s
        return not keyframes_only and stated_s is not None and stated_s - self._decoded_s > _EARLY_S


def _library() -> tuple[Any, str]:
    """The module `decord` and which distribution it is: decord and decord2 share the import name."""
    try:
        import decord
    except ImportError as error:
        raise ConfigError("The reader 'decord' is not installed: pip install qc-plugin[decord].") from error
    decord.logging.set_level(decord.logging.FATAL)
    for name in ("decord2", "decord"):
        try:
            return decord, f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return decord, f"decord {decord.__version__}"


def _described(path: str | Path, limits: Limits) -> tuple[MediaInfo, float]:
    """What the default reader says, and when its first frame is shown."""
    with PyavReader(path, limits=limits) as video:
        first = next(iter(video.decoded()))
        return video.info, first.pts_s


def _as_decord_sees_it(info: MediaInfo) -> MediaInfo:
    """The description with decord's own rule for missing tags: it takes all untagged video as bt601."""
    ours = "untagged HD taken as bt709"
    if ours not in info.notes:
        return info
    notes = tuple("untagged HD taken as bt601 by decord" if note == ours else note for note in info.notes)
    return replace(info, colour_matrix="bt601", notes=notes)


def _refuse(info: MediaInfo, path: str | Path) -> None:
    """Raise UnsupportedAsset for what decord is known to get wrong."""
    reason = None
    if info.interlaced:
        reason = "does not deinterlace"
    elif info.tone_mapped_from is not None:
        reason = "does not tone-map HDR"
    elif MIRRORED_NOTE in info.notes:
        reason = "does not turn mirrored pictures back"
    elif has_alpha(info.pixel_format, info.codec):
        reason = "does not show transparency"
    elif info.container in ("mpegts", "mpeg"):
        reason = "returns wrong frames from MPEG streams"
    elif encryption_of(path) is not None:
        reason = "does not see where a file that begins clear is encrypted"
    if reason is not None:
        raise UnsupportedAsset(f"{Path(path).name}: decord {reason}: use the reader 'pyav'.")
