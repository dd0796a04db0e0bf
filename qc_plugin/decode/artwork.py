"""Still pictures by Pillow: upright, 8 bit, sRGB, whatever they were."""

from __future__ import annotations

import contextlib
import struct
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import PIL
from PIL import Image, ImageOps, UnidentifiedImageError

from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.decode.rgb_preview import preview_of_rgb
from qc_plugin.decode.sniff import is_heic, read_head, sniff_kind
from qc_plugin.decode.srgb import to_srgb
from qc_plugin.errors import LimitExceeded, UnsupportedAsset
from qc_plugin.types import Frame, MediaInfo, Preview

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000")
# What Pillow's readers let through on damaged files; seen on its own test images, or documented.
_PILLOW_ERRORS: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    NotImplementedError,
)
_EXIF_ORIENTATION: Final = 0x0112
_MIRRORED: Final = (2, 4, 5, 7)
_ROTATIONS: Final = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}


@dataclass(slots=True)
class _Opened:
    """A picture whose header has been read, with what was noticed so far."""

    image: Image.Image
    orientation: int = 1
    notes: list[str] = field(default_factory=list)


def load_artwork(path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[MediaInfo, Frame, Preview]:
    """The picture as one frame (index 0, time 0) of sRGB, with its preview and what was assumed on the way.

    Size and side are checked before a pixel is decoded.

    Raises:
        UnsupportedAsset: not a picture we read, or damaged.
        LimitExceeded: too many bytes or pixels.
    """
    with _open(path, limits) as opened, _naming_errors(path):
        mode, depth = opened.image.mode, _bit_depth(opened.image)
        opened.image.load()
        limits.check_size(*opened.image.size, path)  # a damaged file may unpack to more than its header said
        upright = _upright(opened)
        rgb, notes = to_srgb(upright)
        opened.notes.extend(notes)
        height, width = rgb.shape[:2]
        info = _media_info(opened, mode, depth, (width, height))
    frame = Frame(index=0, pts_s=0.0, duration_s=0.0, rgb=rgb)
    return info, frame, preview_of_rgb(rgb, index=0, pts_s=0.0)


def probe_artwork(path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> MediaInfo:
    """What the header says; no pixel is decoded, so notes on colour and alpha are missing.

    Raises as `load_artwork`.
    """
    with _open(path, limits) as opened, _naming_errors(path):
        size = opened.image.size
        # Pillow's TIFF reader has swapped the sides already.
        turned = opened.orientation >= 5 and opened.image.format != "TIFF"
        upright = (size[1], size[0]) if turned else size
        return _media_info(opened, opened.image.mode, _bit_depth(opened.image), upright)


@contextlib.contextmanager
def _open(path: str | Path, limits: Limits) -> Iterator[_Opened]:
    """A picture of an allowed format within the limits, closed at the end."""
    name = Path(path).name
    if sniff_kind(path, limits=limits) != "artwork":
        raise UnsupportedAsset(f"{name} is a video, not a picture: check it as a video.")
    if is_heic(read_head(path, limits=limits)):
        raise UnsupportedAsset(f"{name} is HEIC, which is not read: convert it to AVIF, JPEG or PNG.")
    with contextlib.ExitStack() as stack:
        with _naming_errors(path):
            image = stack.enter_context(Image.open(path, formats=FORMATS))
        limits.check_size(*image.size, path)
        opened = _Opened(image)
        _look_at_header(opened)
        yield opened


@contextlib.contextmanager
def _naming_errors(path: str | Path) -> Iterator[None]:
    """Turn what Pillow raises into our own errors; its bomb warning counts as an error."""
    name = Path(path).name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged EXIF is noted, not shouted
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise LimitExceeded(
                f"{name} unpacks to more pixels than is safe ({error}): scale it down."
            ) from error
        except MemoryError as error:
            raise LimitExceeded(f"{name} needs more memory than it may have: scale it down.") from error
        except UnidentifiedImageError as error:
            raise UnsupportedAsset(
                f"{name} is damaged or of a kind of picture we do not read: export it as JPEG or PNG."
            ) from error
        except _PILLOW_ERRORS as error:
            raise UnsupportedAsset(
                f"{name} is damaged ({type(error).__name__}: {error}): transfer or export it again."
            ) from error


def _look_at_header(opened: _Opened) -> None:
    """Orientation and number of pictures; damage in metadata costs the metadata, not the picture."""
    image = opened.image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            opened.orientation = int(image.getexif().get(_EXIF_ORIENTATION, 1) or 1)
        except _PILLOW_ERRORS:
            opened.notes.append("EXIF unreadable: taken as upright")
        try:
            n_frames = int(getattr(image, "n_frames", 1))
        except _PILLOW_ERRORS:
            n_frames = 1
    if opened.orientation not in range(1, 9):
        opened.notes.append(f"EXIF orientation {opened.orientation} is none: taken as upright")
        opened.orientation = 1
    if opened.orientation in _MIRRORED:
        opened.notes.append("mirrored picture turned back")
    if n_frames > 1:
        what = (
            "animated"
            if getattr(image, "is_animated", False) and image.format != "TIFF"
            else "several pictures"
        )
        opened.notes.append(f"{what} ({n_frames}): only the first is judged")


def _upright(opened: _Opened) -> Image.Image:
    """The picture turned by its EXIF orientation."""
    if opened.orientation == 1:
        return opened.image
    try:
        return ImageOps.exif_transpose(opened.image)
    except _PILLOW_ERRORS:
        opened.notes.append("EXIF unreadable: taken as upright")
        opened.orientation = 1
        return opened.image


def _media_info(opened: _Opened, mode: str, depth: int, size: tuple[int, int]) -> MediaInfo:
    kind = (opened.image.format or "unknown").lower()
    return MediaInfo(
        container=kind,
        codec=kind,
        pixel_format=mode,
        width_px=size[0],
        height_px=size[1],
        rotation_deg=_ROTATIONS.get(opened.orientation, 0),
        bit_depth=depth,
        colour_matrix="rgb",
        colour_range="full",
        transfer="srgb",
        notes=tuple(opened.notes),
        decoder=f"Pillow {PIL.__version__}",
    )


def _bit_depth(image: Image.Image) -> int:
    """Bits a sample as Pillow hands them over; 16-bit colour is handed over as 8."""
    if image.mode.startswith("I;16"):
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(image.mode, 8)
