"""Stills of every kind to sRGB, against values worked out by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from qc_plugin.decode import load_artwork
from qc_plugin.decode.alpha import BACKDROP
from qc_plugin.errors import UnsupportedAsset


def save(tmp_path, image: Image.Image, name: str = "a.png", **kwargs):
    path = tmp_path / name
    image.save(path, **kwargs)
    return path


def arrow() -> Image.Image:
    """Red top left, green top right, blue bottom left: tells all eight orientations apart."""
    image = Image.new("RGB", (64, 48), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 15, 15), fill=(250, 0, 0))
    draw.rectangle((48, 0, 63, 15), fill=(0, 250, 0))
    draw.rectangle((0, 32, 15, 47), fill=(0, 0, 250))
    return image


UNDO = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_orientation(tmp_path, orientation, name):
    stored = arrow() if UNDO[orientation] is None else arrow().transpose(UNDO[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path, stored, name, exif=exif, **({"lossless": True} if name == "a.webp" else {}))
    info, frame, preview = load_artwork(path)
    assert np.abs(frame.rgb.astype(int) - np.asarray(arrow())).mean() < 4  # JPEG
    assert (info.width_px, info.height_px) == (64, 48)
    assert preview.luma.shape == (48, 64)
    assert ("mirrored picture turned back" in info.notes) == (orientation in (2, 4, 5, 7))


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_noted(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    info, _, _ = load_artwork(save(tmp_path, arrow(), exif=exif))
    assert info.rotation_deg == 0
    assert any("taken as upright" in note for note in info.notes) == (orientation != 0)


def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(4, 0)
    info, frame, _ = load_artwork(save(tmp_path, Image.fromarray(ramp)))
    assert info.bit_depth == 16
    assert np.abs(frame.rgb[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert any("scaled" in note for note in info.notes)


@pytest.mark.parametrize(
    ("top", "mode"), [(1.0, np.float32), (255.0, np.float32), (255, np.int32), (65535, np.int32)]
)
def test_thirty_two_bit_grey_finds_its_scale(tmp_path, top, mode):
    ramp = np.linspace(0, top, 256).astype(mode)[None, :].repeat(4, 0)
    _, frame, _ = load_artwork(save(tmp_path, Image.fromarray(ramp), "a.tif"))
    assert np.abs(frame.rgb[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_nan_is_black_and_not_a_crash(tmp_path):
    picture = np.full((4, 4), np.nan, np.float32)
    picture[0, 0] = 1.0
    _, frame, _ = load_artwork(save(tmp_path, Image.fromarray(picture), "a.tif"))
    assert frame.rgb[0, 0, 0] == 255
    assert frame.rgb[1:].max() == 0


def test_alpha_lies_over_grey(tmp_path):
    picture = np.zeros((4, 4, 4), np.uint8)
    picture[..., 0] = 200
    picture[0, :, 3], picture[1, :, 3] = 255, 128
    info, frame, _ = load_artwork(save(tmp_path, Image.fromarray(picture)))
    assert frame.rgb[0, 0].tolist() == [200, 0, 0]
    assert frame.rgb[3, 0].tolist() == [BACKDROP] * 3
    assert frame.rgb[1, 0, 0] == pytest.approx((200 + BACKDROP) / 2, abs=2)
    assert f"transparency shown over grey {BACKDROP}" in info.notes


def test_an_opaque_alpha_is_not_worth_a_note(tmp_path):
    info, frame, _ = load_artwork(save(tmp_path, Image.new("RGBA", (4, 4), (1, 2, 3, 255))))
    assert frame.rgb[0, 0].tolist() == [1, 2, 3]
    assert info.notes == ()


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((0, 0), 1)
    _, frame, _ = load_artwork(save(tmp_path, image, "a.gif", transparency=0))
    assert frame.rgb[0, 0].tolist() == [40, 50, 60]
    assert frame.rgb[2, 2].tolist() == [BACKDROP] * 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_every_mode_gives_its_colour(tmp_path, mode):
    image = Image.new("RGB", (8, 8), (255, 255, 255))
    white = Image.new("LAB", (8, 8), (255, 128, 128)) if mode == "LAB" else image.convert(mode)
    _, frame, _ = load_artwork(save(tmp_path, white, "a.tif"))
    assert frame.rgb.shape == (8, 8, 3)
    assert frame.rgb.min() >= 250
    assert frame.rgb.flags["C_CONTIGUOUS"]


def test_cmyk_without_a_profile_says_so(tmp_path):
    info, frame, _ = load_artwork(save(tmp_path, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "a.jpg"))
    assert frame.rgb[0, 0, 0] > 240
    assert frame.rgb[0, 0, 1:].max() < 15
    assert any("CMYK" in note for note in info.notes)


def test_a_profile_is_applied(tmp_path):
    """A profile of linear light: its code values are far from those of sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = Image.new("RGB", (8, 8), (10, 130, 250))
    info, frame, _ = load_artwork(save(tmp_path, plain, icc_profile=profile))
    assert np.abs(frame.rgb[0, 0].astype(int) - [10, 130, 250]).max() <= 1
    linear = _gamma_one_profile(profile)
    info, frame, _ = load_artwork(save(tmp_path, Image.new("RGB", (8, 8), (55, 55, 55)), icc_profile=linear))
    assert frame.rgb[0, 0, 0] == pytest.approx(128, abs=3)  # 55 / 255 of the light is sRGB 128
    assert any("ICC profile" in note for note in info.notes)


def _gamma_one_profile(srgb: bytes) -> bytes:
    """The sRGB profile with straight lines for its three curves, and another name of the same length."""
    data = bytearray(srgb)
    for number in range(int.from_bytes(data[128:132], "big")):
        entry = 132 + 12 * number
        tag, start, size = (
            data[entry : entry + 4],
            *np.frombuffer(data[entry + 4 : entry + 12], ">u4").tolist(),
        )
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            data[start : start + 12] = b"curv" + bytes(8)  # a curve of no points is the identity
        if tag == b"desc":
            body = bytes(data[start : start + size]).replace(
                "sRGB".encode("utf-16-be"), "line".encode("utf-16-be")
            )
            data[start : start + size] = body.replace(b"sRGB", b"line")
    return bytes(data)


def test_a_broken_profile_costs_the_profile_only(tmp_path):
    info, frame, _ = load_artwork(
        save(tmp_path, Image.new("RGB", (8, 8), (9, 99, 199)), icc_profile=b"no profile")
    )
    assert frame.rgb[0, 0].tolist() == [9, 99, 199]
    assert any("unusable" in note for note in info.notes)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_of_an_animation_the_first_picture_counts(tmp_path, name):
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    path = save(tmp_path, pictures[0], name, save_all=True, append_images=pictures[1:], duration=50)
    info, frame, _ = load_artwork(path)
    assert frame.rgb[4, 4].tolist() == pytest.approx([250, 0, 0], abs=6)
    assert "animated (3): only the first is judged" in info.notes


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.avif", "a.jp2", "a.bmp", "a.gif"])
def test_every_format_whole_and_cut(tmp_path, name):
    rng = np.random.default_rng(5)
    picture = Image.fromarray(rng.integers(0, 255, (64, 80, 3), np.uint8))
    path = save(tmp_path, picture, name)
    info, frame, _ = load_artwork(path)
    assert frame.rgb.shape == (64, 80, 3)
    assert info.decoder.startswith("Pillow")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises(UnsupportedAsset, match=r"a\.\w+ is damaged"):
        load_artwork(path)


def test_formats_that_run_programs_are_not_opened(tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "EPS")
    path = tmp_path / "a.jpg"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(UnsupportedAsset, match="PostScript"):
        load_artwork(path)


def test_preview_and_frame_agree(tmp_path):
    gradient = np.linspace(0, 255, 800)[None, :, None].repeat(600, 0).repeat(3, 2).astype(np.uint8)
    _, frame, preview = load_artwork(save(tmp_path, Image.fromarray(gradient)))
    assert preview.luma.shape == (240, 320)
    assert preview.luma.mean() == pytest.approx(frame.rgb.mean(), abs=1)
    assert preview.rows.shape == (600, 96)
    assert np.abs(preview.chroma.astype(int) - 128).max() <= 1
