"""Any Pillow mode to 8-bit sRGB, with a note for everything that had to be assumed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms

from qc_plugin.decode.alpha import BACKDROP, TRANSPARENCY_NOTE
from qc_plugin.decode.gamut import PRIMARIES, to_srgb_primaries
from qc_plugin.decode.still_colour import Stated
from qc_plugin.decode.tonemap import CODE_BITS, rgb_to_sdr

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_PROFILE_BYTES = 16 << 20
HDR = {16: "pq", 18: "hlg"}  # transfer functions by code points of ITU-T H.273
_WITH_ALPHA = frozenset({"RGBA", "LA", "La", "RGBa", "PA"})


def to_srgb(image: Image.Image, stated: Stated = Stated()) -> tuple[NDArray[np.uint8], list[str]]:  # noqa: B008
    """(H, W, 3) uint8 sRGB, contiguous, and notes. `stated` is what the file says beside its ICC profile.

    Raises what Pillow raises on data it cannot convert.
    """
    notes: list[str] = []
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bit(image, stated.bits, notes)
    opaque, alpha = _split_alpha(image)
    colour = _by_code_points(opaque, stated, notes) or _in_srgb(opaque, image.info.get("icc_profile"), notes)
    if alpha is not None:
        colour = _over_backdrop(colour, alpha, notes)
    return np.ascontiguousarray(np.asarray(colour, np.uint8)), notes


def _by_code_points(image: Image.Image, stated: Stated, notes: list[str]) -> Image.Image | None:
    """HDR tone-mapped as in video, and wide gamut brought to sRGB, where code points say so; else None."""
    hdr, primaries = HDR.get(stated.transfer), PRIMARIES.get(stated.primaries)
    if hdr is None and (primaries is None or (image.info.get("icc_profile") and image.format != "PNG")):
        return None
    rgb = np.asarray(image.convert("RGB"), np.uint8)
    if hdr is None:
        notes.append(f"converted from {primaries} primaries (code points) to sRGB")
        return Image.fromarray(to_srgb_primaries(rgb, primaries or "bt709"))
    codes = np.rint(rgb.astype(np.float32) * (((1 << CODE_BITS) - 1) / 255)).astype(np.uint16)
    notes.append(f"{hdr.upper()} tone-mapped to SDR (BT.2390 curve, 1000 to 203 cd/m2)")
    mapped = rgb_to_sdr(codes[..., 0], codes[..., 1], codes[..., 2], hdr, primaries or "bt709")
    return Image.fromarray(mapped)


def _eight_bit(image: Image.Image, bits: int | None, notes: list[str]) -> Image.Image:
    """Grey of more than 8 bits, scaled to 8 and not clipped; its transparent level (PNG) becomes alpha."""
    levels = np.asarray(image).astype(np.float64)
    levels = np.nan_to_num(levels, nan=0.0, posinf=0.0, neginf=0.0)
    if image.mode.startswith("I;16"):
        top = float((1 << bits) - 1) if bits and 8 < bits < 16 else 65_535.0
    else:
        highest = float(levels.max(initial=0.0))
        # Nothing tells the scale of 32-bit grey: take the smallest usual one that holds every value.
        usual = (1.0, 255.0, 65_535.0) if image.mode == "F" else (255.0, 65_535.0)
        top = next((scale for scale in usual if highest <= scale), highest)
    notes.append(f"{image.mode} grey scaled from 0..{top:g} to 8 bit")
    scaled = Image.fromarray(np.rint(np.clip(levels / top, 0, 1) * 255).astype(np.uint8))
    scaled.info = dict(image.info)
    clear = scaled.info.pop("transparency", None)
    if isinstance(clear, int):
        scaled.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return scaled


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The picture without alpha, and its alpha; palettes and colour keys are resolved on the way."""
    keyed = "transparency" in image.info and image.mode in ("1", "L", "P", "RGB", "I")
    if image.mode in _WITH_ALPHA or keyed:
        with_alpha = image.convert("RGBA")
        # Greys stay grey, so that a grey ICC profile still fits.
        opaque = with_alpha.convert("L" if image.mode in ("LA", "La", "L") else "RGB")
        return opaque, with_alpha.getchannel("A")
    if image.mode == "P":
        return image.convert("RGB"), None
    return (image.convert("L") if image.mode == "1" else image), None


def _in_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """The picture in sRGB by its ICC profile, or by convention when it has none that works."""
    if profile:
        converted = _by_profile(image, profile, notes)
        if converted is not None:
            return converted
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
        converted = ImageCms.applyTransform(image, transform)
        if converted is not None:
            notes.append("Lab converted to sRGB")
            return converted
    if image.mode == "CMYK":
        notes.append("CMYK without a usable profile: converted by the plain formula, colours are approximate")
    return image.convert("RGB")


def _by_profile(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image | None:
    """The picture converted by the embedded profile, or None with a note when the profile does not work."""
    if len(profile) > _MAX_PROFILE_BYTES:
        notes.append("ICC profile too large: ignored")
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        name = ImageCms.getProfileDescription(source).strip() or "unnamed"
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        notes.append(f"ICC profile unusable ({error}): ignored")
        return None
    if "sRGB" not in name:
        notes.append(f"converted from ICC profile '{name[:60]}' to sRGB")
    return converted


def _over_backdrop(colour: Image.Image, alpha: Image.Image, notes: list[str]) -> Image.Image:
    """The picture over mid-grey where its alpha says so."""
    lowest, _highest = alpha.getextrema()
    if lowest == 255:
        return colour
    notes.append(TRANSPARENCY_NOTE)
    backdrop = Image.new("RGB", colour.size, (BACKDROP, BACKDROP, BACKDROP))
    return Image.composite(colour, backdrop, alpha)
