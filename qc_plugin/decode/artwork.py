"""Still pictures by Pillow: upright, 8 bit, sRGB, whatever they were."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import PIL
from PIL import Image, ImageOps, UnidentifiedImageError

from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.decode.pages import settle
from qc_plugin.decode.png_repair import without_damaged_extras
from qc_plugin.decode.rgb_preview import preview_of_rgb
from qc_plugin.decode.sniff import is_heic, is_low_overhead, read_head, sniff_kind
from qc_plugin.decode.srgb import HDR, to_srgb
from qc_plugin.decode.still_colour import Stated, stated
from qc_plugin.decode.still_errors import PILLOW_ERRORS, naming_errors
from qc_plugin.decode.still_kind import BITS, is_planar, kind_of, tiff_tags
from qc_plugin.errors import UnsupportedAsset
from qc_plugin.types import Frame, MediaInfo, Preview

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000")
_EXIF_ORIENTATION: Final = 0x0112
_MIRRORED: Final = (2, 4, 5, 7)
_ROTATIONS: Final = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}


@dataclass(slots=True)
class _Opened:
    """A picture whose header has been read, with what was noticed so far."""

    image: Image.Image
    stated: Stated
    orientation: int = 1
    drawn: tuple[int, int, int, int] | None = None  # what the first picture of a GIF covers of its canvas
    notes: list[str] = field(default_factory=list)


def load_artwork(path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> tuple[MediaInfo, Frame, Preview]:
    """The picture as one frame (index 0, time 0) of sRGB, with its preview and what was assumed on the way.

    Size and side are checked before a pixel is decoded.

    Raises:
        UnsupportedAsset: not a picture we read, or damaged.
        LimitExceeded: too many bytes or pixels.
    """
    with _open(path, limits) as opened, naming_errors(path):
        image = opened.image
        if note := settle(image, limits):
            opened.notes.append(note)
        mode = image.mode
        image.load()
        limits.check_size(*image.size, path)  # a damaged file may unpack to more than its header said
        upright = _upright(opened, _on_canvas(opened))
        rgb, notes = to_srgb(upright, opened.stated)
        opened.notes.extend(notes)
        height, width = rgb.shape[:2]
        info = _media_info(opened, mode, (width, height))
    frame = Frame(index=0, pts_s=0.0, duration_s=0.0, rgb=rgb)
    return info, frame, preview_of_rgb(rgb, index=0, pts_s=0.0)


@contextlib.contextmanager
def _open(path: str | Path, limits: Limits) -> Iterator[_Opened]:
    """A picture of an allowed format within the limits, closed at the end."""
    name = Path(path).name
    if sniff_kind(path, limits=limits) != "artwork":
        raise UnsupportedAsset(f"{name} is a video, not a picture: check it as a video.")
    if is_heic(read_head(path, limits=limits)):
        raise UnsupportedAsset(f"{name} is HEIC, which is not read: convert it to AVIF, JPEG or PNG.")
    if is_low_overhead(read_head(path, limits=limits)):
        raise UnsupportedAsset(
            f"{name} is an AVIF or HEIF of the low-overhead kind, which is not read: convert it to PNG."
        )
    said = stated(path)
    if said.size is not None:
        limits.check_size(*said.size, path)
    with contextlib.ExitStack() as stack:
        with naming_errors(path):
            _refuse_misread(path)
            image, notes = _image(path)
            stack.enter_context(image)
        limits.check_size(*image.size, path)
        opened = _Opened(image, _with_bits(said, image), notes=notes)
        with naming_errors(path):
            _load_before_exif(image)
        _look_at_header(opened)
        yield opened


def _image(path: str | Path) -> tuple[Image.Image, list[str]]:
    """The file as Pillow opens it, and notes; our limits on its size follow, so Pillow's own does not ask."""
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        try:
            return Image.open(path, formats=FORMATS), []
        except UnidentifiedImageError:
            repaired = without_damaged_extras(path)
            if repaired is None:
                raise
            file, dropped = repaired
            return Image.open(file, formats=FORMATS), [f"damaged chunk {', '.join(dropped)}: ignored"]
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _refuse_misread(path: str | Path) -> None:
    """Refuse what Pillow reads wrongly without a word: TIFF of more than 8 bits in separate planes."""
    tags = tiff_tags(path)
    if tags and is_planar(tags) and max(tags.get(BITS, (8,))) > 8:
        raise UnsupportedAsset(
            f"{Path(path).name} is a {kind_of(path)}, which is not read: save it with interleaved channels."
        )


def _with_bits(said: Stated, image: Image.Image) -> Stated:
    """`said` with the bits a sample of a TIFF, which its tags have."""
    bits = image.tag_v2.get(BITS) if image.format == "TIFF" else None  # type: ignore[attr-defined]
    return said if bits is None else replace(said, bits=max(bits) if isinstance(bits, tuple) else int(bits))


def _load_before_exif(image: Image.Image) -> None:
    """Decode a PNG that Pillow decodes to find EXIF behind the picture.

    Done there, damage to the picture would pass for damage to the EXIF, and what was decoded so far for all.
    """
    if image.format == "PNG" and "exif" not in image.info:
        image.load()


def _look_at_header(opened: _Opened) -> None:
    """Orientation and transparency; damage in metadata costs the metadata, not the picture."""
    image, bits = opened.image, opened.stated.bits or 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            opened.orientation = _orientation(opened)
        except PILLOW_ERRORS:
            opened.notes.append("EXIF unreadable: taken as upright")
    if opened.orientation not in range(1, 9):
        opened.notes.append(f"EXIF orientation {opened.orientation} is none: taken as upright")
        opened.orientation = 1
    if opened.orientation in _MIRRORED:
        opened.notes.append("mirrored picture turned back")
    clear = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and isinstance(clear, int) and bits < 8:
        image.info["transparency"] = clear * 255 // ((1 << bits) - 1)  # Pillow leaves it in the file's depth
    tiles = getattr(image, "tile", ())
    if image.format == "GIF" and tiles:
        opened.drawn = tiles[0][1]


def _orientation(opened: _Opened) -> int:
    """By EXIF. XMP alone does not turn a picture: browsers and other readers do not ask it, Pillow does."""
    image = opened.image
    told = int(image.getexif().get(_EXIF_ORIENTATION, 1) or 1)
    if told == 1 or image.format == "TIFF":
        return told
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    if _EXIF_ORIENTATION in exif or "Raw profile type exif" in image.info:
        return told
    opened.notes.append(f"XMP alone says orientation {told}, which turns no picture: taken as stored")
    return 1


def _on_canvas(opened: _Opened) -> Image.Image:
    """The picture; of a GIF whose first one does not fill its canvas, transparent around it."""
    image, drawn = opened.image, opened.drawn
    if drawn is None or drawn == (0, 0, *image.size) or image.tell() != 0:
        return image
    alpha = Image.new("L", image.size, 0)
    alpha.paste(image.convert("RGBA").getchannel("A").crop(drawn), drawn[:2])
    placed = image.convert("RGB")
    placed.putalpha(alpha)
    return placed


def _upright(opened: _Opened, image: Image.Image) -> Image.Image:
    """The picture turned by its EXIF orientation."""
    if opened.orientation == 1:
        return image
    try:
        return ImageOps.exif_transpose(image)
    except PILLOW_ERRORS:
        opened.notes.append("EXIF unreadable: taken as upright")
        opened.orientation = 1
        return image


def _media_info(opened: _Opened, mode: str, size: tuple[int, int]) -> MediaInfo:
    kind = (opened.image.format or "unknown").lower().replace("mpo", "jpeg")
    hdr = HDR.get(opened.stated.transfer)
    return MediaInfo(
        container=kind,
        codec=kind,
        pixel_format=mode,
        width_px=size[0],
        height_px=size[1],
        rotation_deg=_ROTATIONS.get(opened.orientation, 0),
        bit_depth=_bit_depth(opened, mode),
        colour_matrix="rgb",
        colour_range="full",
        transfer=hdr or "srgb",
        tone_mapped_from=hdr,
        notes=tuple(opened.notes),
        decoder=f"Pillow {PIL.__version__}",
    )


def _bit_depth(opened: _Opened, mode: str) -> int:
    """Bits a sample in the file, as its header says; else as Pillow hands them over."""
    if opened.stated.bits is not None and mode != "P":
        return opened.stated.bits
    if mode.startswith("I;16"):
        return 16
    return {"1": 1, "I": 32, "F": 32}.get(mode, 8)
