"""Stills as the world sends them: HDR, several pictures, odd depths, damage beside the picture, refusals."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from qc_plugin.decode import load_artwork
from qc_plugin.decode.alpha import BACKDROP
from qc_plugin.decode.limits import STRICT
from qc_plugin.errors import LimitExceeded, UnsupportedAsset
from tests.support.corpora import CORPORA, corpus_file
from tests.support.stills import grey_png, png_chunk, tiff, with_chunk, with_code_points

DATA = Path(__file__).resolve().parents[2] / "data"
GREY = [BACKDROP] * 3


def _drawn(size=(64, 48), colour="white"):
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).rectangle((8, 8, 30, 30), fill=(200, 30, 30))
    return image


def _save(tmp_path, pictures, name, **more):
    path = tmp_path / name
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **more)
    return path


# --- several pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_row_62_an_animation_is_judged_by_its_first_picture_that_is_not_blank(tmp_path, name):
    pictures = [Image.new("RGB", (64, 48), "white"), Image.new("RGB", (64, 48), "blue"), _drawn()]
    info, frame, _ = load_artwork(_save(tmp_path, pictures, name, duration=50))
    assert "animated (3): number 3 is judged, the first that is not blank" in info.notes
    assert frame.rgb[20, 20].tolist() == pytest.approx([200, 30, 30], abs=12)


def test_row_62_the_animation_that_began_white(tmp_path):
    info, frame, _ = load_artwork(DATA / "s_blankfirst.gif")
    assert info.notes == ("animated (2): number 2 is judged, the first that is not blank",)
    assert np.ptp(frame.rgb) > 100


def test_an_animation_that_is_blank_throughout_is_judged_by_its_first(tmp_path):
    pictures = [Image.new("RGB", (64, 48), colour) for colour in ("white", "blue")]
    info, frame, _ = load_artwork(_save(tmp_path, pictures, "a.gif", duration=50))
    assert info.notes == ("animated (2): only the first is judged",)
    assert frame.rgb.min() == 255


def test_row_64_of_several_pages_the_largest_is_judged(tmp_path):
    path = _save(tmp_path, [_drawn((60, 40)), _drawn((200, 150)), _drawn((90, 60))], "a.tif")
    info, frame, _ = load_artwork(path)
    assert frame.rgb.shape == (150, 200, 3)
    assert info.notes == ("several pictures (3): number 2 is judged, the largest",)


def test_row_64_of_equal_pages_the_first_that_is_not_blank(tmp_path):
    info, frame, _ = load_artwork(_save(tmp_path, [Image.new("RGB", (64, 48)), _drawn()], "a.tif"))
    assert info.notes == ("several pictures (2): number 2 is judged, the first that is not blank",)
    assert frame.rgb[20, 20].tolist() == [200, 30, 30]


def test_row_65_an_mpo_is_the_jpeg_that_it_is():
    info, frame, _ = load_artwork(DATA / "s_mpo.jpg")
    assert (info.container, info.codec) == ("jpeg", "jpeg")
    assert info.notes == ("MPO with 1 more inside (views or maps): the JPEG is judged",)
    assert frame.rgb.shape == (480, 480, 3)


def test_row_65_an_mpo_whose_second_picture_is_gone(tmp_path):
    path = tmp_path / "a.jpg"
    data = (DATA / "s_mpo.jpg").read_bytes()
    path.write_bytes(data[: data.index(b"\xff\xd9") + 2])
    assert load_artwork(path)[1].rgb.shape == (480, 480, 3)


# --- colour ----------------------------------------------------------------------------------------------


def test_row_66_an_hdr_avif_is_tone_mapped_as_video_is():
    info, frame, _ = load_artwork(DATA / "s_hdrpq.avif")
    assert (info.transfer, info.tone_mapped_from, info.bit_depth) == ("pq", "pq", 10)
    assert info.notes == ("PQ tone-mapped to SDR (BT.2390 curve, 1000 to 203 cd/m2)",)
    with Image.open(DATA / "s_hdrpq.avif") as image:
        codes = np.asarray(image.convert("RGB"))
    assert frame.rgb.std() > 1.3 * codes.std()  # codes of PQ, shown as they are, are washed out


@pytest.mark.parametrize(("transfer", "name"), [(16, "pq"), (18, "hlg")])
def test_f6_a_png_with_code_points_is_tone_mapped(tmp_path, transfer, name):
    path = tmp_path / "a.png"
    Image.fromarray(np.linspace(0, 255, 256).astype(np.uint8)[None].repeat(8, 0)).convert("RGB").save(path)
    plain = load_artwork(path)[1].rgb
    info, frame, _ = load_artwork(with_chunk(path, png_chunk(b"cICP", bytes((9, transfer, 0, 1)))))
    assert (info.transfer, info.tone_mapped_from) == (name, name)
    assert frame.rgb[0, 0].tolist() == [0, 0, 0]
    assert frame.rgb[0, 140, 0] > plain[0, 140, 0] + 10  # SDR white of PQ lies at code 148, of HLG at 191
    assert (np.diff(frame.rgb[0, :, 0].astype(int)) >= 0).all()


@pytest.mark.parametrize(("primaries", "name"), [(9, "bt2020"), (12, "p3")])
def test_f6_wide_gamut_by_code_points_becomes_srgb(tmp_path, primaries, name):
    path = tmp_path / "a.avif"
    picture = Image.new("RGB", (64, 48), (180, 100, 100))
    ImageDraw.Draw(picture).rectangle((0, 0, 31, 47), fill=(120, 120, 120))
    picture.save(path, quality=100, subsampling="4:4:4")
    before = load_artwork(path)[1].rgb
    info, frame, _ = load_artwork(with_code_points(path, primaries, 13))
    assert f"converted from {name} primaries (code points) to sRGB" in info.notes
    assert frame.rgb[20, 10].tolist() == pytest.approx([120] * 3, abs=2)  # greys stay
    red, green, _ = frame.rgb[20, 50].astype(int) - before[20, 50]
    assert red > 4
    assert green < -2


def test_an_icc_profile_is_worth_more_than_primaries_in_an_avif(tmp_path):
    path = tmp_path / "a.avif"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (16, 16), (180, 100, 100)).save(path, quality=100, icc_profile=profile)
    info, frame, _ = load_artwork(path)
    assert frame.rgb[8, 8].tolist() == pytest.approx([180, 100, 100], abs=3)
    assert not [note for note in info.notes if "primaries" in note]


def test_the_depth_is_that_of_the_file(tmp_path):
    ramp = (np.arange(16 * 16).reshape(16, 16) * 257).astype(np.uint16)
    path = tmp_path / "a.png"
    Image.fromarray(ramp).save(path)
    assert load_artwork(path)[0].bit_depth == 16
    assert load_artwork(grey_png(tmp_path / "four.png", np.zeros((4, 8), int), 4))[0].bit_depth == 4


def test_f8_twelve_bit_grey_is_scaled_from_its_own_top(tmp_path):
    levels = np.linspace(0, 4095, 64).round().astype(int)[None].repeat(4, 0)
    pairs = levels.reshape(4, -1, 2)
    high, low = pairs[..., 0], pairs[..., 1]
    packed = np.stack([high >> 4, (high & 15) << 4 | low >> 8, low & 255], -1)
    path = tiff(tmp_path / "a.tif", [packed.astype(np.uint8).tobytes()], (64, 4), {258: 12})
    info, frame, _ = load_artwork(path)
    assert info.bit_depth == 12
    assert "I;16 grey scaled from 0..4095 to 8 bit" in info.notes
    assert np.abs(frame.rgb[0, :, 0] - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize("photometric", [2, 5])
def test_f7_planes_of_sixteen_bits_are_refused_by_name(tmp_path, photometric):
    n = {2: 3, 5: 4}[photometric]
    planes = [np.full((8, 8), 9000 * k, "<u2").tobytes() for k in range(n)]
    path = tiff(tmp_path / "a.tif", planes, (8, 8), {258: (16,) * n, 262: photometric, 277: n, 284: 2})
    colour = {2: "RGB", 5: "CMYK"}[photometric]
    with pytest.raises(UnsupportedAsset, match=f"16-bit {colour} TIFF of separate planes, which is not read"):
        load_artwork(path)


def test_planes_of_eight_bits_are_read(tmp_path):
    planes = [np.full((8, 8), value, np.uint8).tobytes() for value in (200, 100, 50)]
    path = tiff(tmp_path / "a.tif", planes, (8, 8), {258: (8, 8, 8), 262: 2, 277: 3, 284: 2})
    assert load_artwork(path)[1].rgb[4, 4].tolist() == [200, 100, 50]


# --- transparency and orientation ------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_f11_the_transparent_level_of_a_grey_png(tmp_path, bits):
    top = (1 << bits) - 1
    levels = np.zeros((4, 8), int)
    levels[:, 4:] = top
    info, frame, _ = load_artwork(grey_png(tmp_path / "a.png", levels, bits, clear=top))
    assert frame.rgb[0, 0].tolist() == [0, 0, 0]
    assert frame.rgb[0, 7].tolist() == GREY
    assert f"transparency shown over grey {BACKDROP}" in info.notes


def test_f12_what_the_first_picture_of_a_gif_leaves_free_is_transparent(tmp_path):
    path = tmp_path / "a.gif"
    _drawn((64, 48)).convert("P", palette=Image.Palette.ADAPTIVE).save(path)
    data = bytearray(path.read_bytes())
    data[6:10] = struct.pack("<HH", 128, 96)  # the canvas; the picture keeps its 64 x 48
    path.write_bytes(data)
    _, frame, _ = load_artwork(path)
    assert frame.rgb.shape == (96, 128, 3)
    assert frame.rgb[90, 120].tolist() == GREY
    assert frame.rgb[2, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize("name", ["a.avif", "a.png", "a.jpg"])
def test_f10_xmp_alone_turns_no_picture(tmp_path, name):
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description tiff:Orientation="3" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></rdf:RDF></x:xmpmeta>'
    )
    path = tmp_path / name
    _drawn().save(path, xmp=xmp)
    if name == "a.png":
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp
        with_chunk(path, png_chunk(b"iTXt", text))
    info, frame, _ = load_artwork(path)
    assert frame.rgb[20, 20, 1] < 90
    assert info.rotation_deg == 0
    assert info.notes == ("XMP alone says orientation 3, which turns no picture: taken as stored",)


# --- damage and refusals ---------------------------------------------------------------------------------


def test_f22_damage_in_metadata_of_a_png_costs_the_metadata(tmp_path):
    path = tmp_path / "a.png"
    _drawn().save(path)
    with_chunk(path, png_chunk(b"iCCP", b"x\0\0broken", good=False))
    info, frame, _ = load_artwork(path)
    assert frame.rgb[20, 20].tolist() == [200, 30, 30]
    assert info.notes == ("damaged chunk iCCP: ignored",)


def test_damage_in_what_a_png_cannot_do_without_is_still_damage(tmp_path):
    path = tmp_path / "a.png"
    _drawn().save(path)
    data = bytearray(path.read_bytes())
    data[30] ^= 255  # the checksum of the header
    path.write_bytes(data)
    with pytest.raises(UnsupportedAsset, match=r"a\.png is damaged"):
        load_artwork(path)


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({259: 50001}, "TIFF compressed by WebP"),
        ({259: 32809}, "TIFF compressed by ThunderScan"),
        ({258: (32, 32, 32), 262: 2, 277: 3, 339: (3, 3, 3)}, "32-bit float RGB TIFF"),
        ({258: (16, 16, 16), 262: 2, 277: 3, 339: (3, 3, 3)}, "16-bit float RGB TIFF"),
        ({258: (10, 10, 10), 262: 2, 277: 3}, "10-bit RGB TIFF"),
        ({258: (12, 12, 12), 262: 2, 277: 3}, "12-bit RGB TIFF"),
        ({258: (16, 16, 16), 262: 8, 277: 3}, "16-bit Lab TIFF"),
    ],
)
def test_f23_f24_what_is_not_read_is_named_and_not_called_damaged(tmp_path, tags, kind):
    path = tiff(tmp_path / "a.tif", [bytes(8 * 8 * 12)], (8, 8), tags)
    with pytest.raises(UnsupportedAsset, match=rf"a\.tif is a {kind}, which is not read: export it as"):
        load_artwork(path)


def test_f23_a_bmp_of_a_rare_kind_is_named(tmp_path):
    path = tmp_path / "a.bmp"
    _drawn().save(path)
    data = bytearray(path.read_bytes())
    data[28:30] = struct.pack("<H", 2)
    path.write_bytes(data)
    with pytest.raises(UnsupportedAsset, match=r"a kind of BMP \(Unsupported BMP .*, which is not read"):
        load_artwork(path)


def test_f25_the_small_form_of_avif_is_a_picture_that_is_not_read(tmp_path):
    path = tmp_path / "a.avif"
    path.write_bytes(b"\0\0\0\x10ftypmif3avif" + b"\0\0\0\x20mini" + bytes(24))
    with pytest.raises(UnsupportedAsset, match="low-overhead kind, which is not read: convert it to PNG"):
        load_artwork(path)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.gif", "a.bmp", "a.tif", "a.avif"])
def test_f26_over_the_limit_is_said_with_size_and_profile(tmp_path, name):
    """Pillow's own words, of attacks, never reach a person: our limit is told."""
    size = (64, 9000) if name != "a.gif" else (9000, 9000)
    Image.new("RGB", size).save(tmp_path / name)
    with pytest.raises(LimitExceeded, match=rf"{size[0]}x{size[1]} px .*\(profile 'strict'\)") as caught:
        load_artwork(tmp_path / name, limits=STRICT)
    assert caught.value.exit_code == 21


@pytest.mark.parametrize("size", [(20_000, 20_000), (17_000, 17_000)])
@pytest.mark.parametrize("kind", ["png", "avif"])
def test_f26_a_header_of_any_size_is_over_the_limit_and_no_attack(tmp_path, kind, size):
    if kind == "png":
        path = grey_png(tmp_path / "a.png", np.zeros((4, 4), int), 8)
        data = bytearray(path.read_bytes())
        data[8:33] = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    else:
        path = tmp_path / "a.avif"
        Image.new("RGB", (64, 64)).save(path)
        data = bytearray(path.read_bytes())
        at = data.index(b"ispe") + 8
        data[at : at + 8] = struct.pack(">II", *size)
    path.write_bytes(data)
    with pytest.raises(LimitExceeded, match=rf"{size[0]}x{size[1]} px .* over the limit of 50 MP"):
        load_artwork(path)
    assert Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong-pixels_tiff-planar-rgb16-noise.tif", "16-bit RGB TIFF of separate planes, which is not read"),
        ("sentence_tiff-webp-compression-called-damaged.tif", "TIFF compressed by WebP, which is not read"),
    ],
)
def test_f7_f23_files_of_others_are_refused_by_name(name, words):
    with pytest.raises(UnsupportedAsset, match=words):
        load_artwork(corpus_file(name))


@pytest.mark.real
def test_files_of_others_are_read_right(tmp_path):
    hdr = load_artwork(corpus_file("wrong-pixels_avif-pq-bt2020-read-as-srgb.avif"))[1].rgb
    sdr = load_artwork(corpus_file("reference_same-picture-sdr.avif"))[1].rgb
    assert np.abs(hdr.mean(axis=(0, 1)) - sdr.mean(axis=(0, 1))).max() < 30
    notes = load_artwork(corpus_file("wrong-pixels_tiff-grey12-16x-too-dark.tiff"))[0].notes
    assert "I;16 grey scaled from 0..4095 to 8 bit" in notes
    assert (
        load_artwork(corpus_file("refused_png-bad-crc-in-iccp-only.png"))[0].notes[0]
        == "damaged chunk iCCP: ignored"
    )
    info = load_artwork(corpus_file("rotation_xmp-orientation-turns-avif.avif"))[0]
    assert (info.rotation_deg, info.notes[0][:9]) == (0, "XMP alone")
    notes = load_artwork(corpus_file("wrong-pixels_png-grey4-trns-ignored.png"))[0].notes
    assert f"transparency shown over grey {BACKDROP}" in notes


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp"])
@pytest.mark.parametrize("share", [0.55, 0.75, 0.95])
def test_a_later_picture_that_is_cut_off_costs_no_more_than_itself(tmp_path, name, share):
    pictures = [_drawn(), _drawn(colour="blue"), _drawn(colour="green")]
    path = _save(tmp_path, pictures, name)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    try:
        _, frame, _ = load_artwork(path)
    except UnsupportedAsset as error:
        assert name != "a.gif", error  # noqa: PT017 - the first picture of a GIF is whole
    else:
        assert frame.rgb.shape == (48, 64, 3)


# --- damage to the picture itself -----------------------------------------------------------------------


def _noise(size):
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8))


@pytest.mark.parametrize("kind", ["single", "animated", "interlaced"])
def test_a_png_whose_picture_breaks_off_is_refused_and_not_judged_by_its_beginning(tmp_path, kind):
    path = tmp_path / "broken.png"
    more = {"save_all": True, "append_images": [_noise((120, 90))]} if kind == "animated" else {}
    _noise((120, 90)).save(path, **more)
    data = bytearray(path.read_bytes())
    middle = data.index(b"IDAT") + 16_000
    data[middle : middle + 200] = bytes(200)
    if kind == "interlaced":
        data[28] = 1  # the flag alone: the stream is another one then
    path.write_bytes(data)
    with pytest.raises(UnsupportedAsset, match="damaged"):
        load_artwork(path)


@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "tiff_lzw", "jpeg"])
def test_a_tiff_whose_largest_page_is_damaged_is_refused(tmp_path, compression):
    path = tmp_path / "pages.tif"
    pages = [Image.new("RGB", (40, 30), "red"), _noise((120, 90))]
    pages[0].save(path, save_all=True, append_images=pages[1:], compression=compression)
    data = bytearray(path.read_bytes())
    with Image.open(path) as image:
        image.seek(1)
        start, length = image.tag_v2[273][0], image.tag_v2[279][0]
    data[start : start + length // 2] = bytes(length // 2)
    path.write_bytes(data)
    with pytest.raises(UnsupportedAsset, match="damaged"):
        load_artwork(path)


@pytest.mark.real
def test_a_broken_png_of_others_is_refused():
    path = CORPORA.parents[1] / "data" / "images-odd" / "pil_broken_data_stream.png"
    if not path.is_file():
        pytest.skip(f"no {path}: set QC_SHARED_DATA")
    with pytest.raises(UnsupportedAsset, match="damaged"):
        load_artwork(path)
