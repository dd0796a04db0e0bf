"""Any Pillow mode to 8-bit sRGB, with a note for everything that had to be assumed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms

from qc_plugin.decode.alpha import BACKDROP, TRANSPARENCY_NOTE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_PROFILE_BYTES = 16 << 20
_WITH_ALPHA = frozenset({"RGBA", "LA", "La", "RGBa", "PA"})


def to_srgb(image: Image.Image) -> tuple[NDArray[np.uint8], list[str]]:
    """(H, W, 3) uint8 sRGB, contiguous, and notes.

    Raises what Pillow raises on data it cannot convert.
    """
    notes: list[str] = []
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bit(image, notes)
    opaque, alpha = _split_alpha(image)
    colour = _in_srgb(opaque, image.info.get("icc_profile"), notes)
    if alpha is not None:
        colour = _over_backdrop(colour, alpha, notes)
    return np.ascontiguousarray(np.asarray(colour, np.uint8)), notes


def _eight_bit(image: Image.Image, notes: list[str]) -> Image.Image:
    """Grey of more than 8 bits, scaled to 8 and not clipped."""
    levels = np.asarray(image).astype(np.float64)
    levels = np.nan_to_num(levels, nan=0.0, posinf=0.0, neginf=0.0)
    if image.mode.startswith("I;16"):
        top = 65_535.0
    else:
        highest = float(levels.max(initial=0.0))
        # Nothing tells the scale of 32-bit grey: take the smallest usual one that holds every value.
        usual = (1.0, 255.0, 65_535.0) if image.mode == "F" else (255.0, 65_535.0)
        top = next((scale for scale in usual if highest <= scale), highest)
    notes.append(f"{image.mode} grey scaled from 0..{top:g} to 8 bit")
    scaled = Image.fromarray(np.rint(np.clip(levels / top, 0, 1) * 255).astype(np.uint8))
    scaled.info = dict(image.info)
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
