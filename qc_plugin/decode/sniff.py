"""What a file is, told from its first bytes. The name only helps to word the message."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.decode.limits import DEFAULT_LIMITS, Limits
from qc_plugin.decode.packet_layout import packet_layout
from qc_plugin.decode.raw_video import is_annex_b
from qc_plugin.decode.segments import CLUSTER
from qc_plugin.errors import UnsupportedAsset

if TYPE_CHECKING:
    from qc_plugin.types import AssetKind

_HEAD_BYTES = 4096  # what it takes to be sure of a transport stream that was cut anywhere
_STILL_MAGIC: tuple[bytes, ...] = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",  # TIFF, both byte orders, and BigTIFF
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",  # JPEG 2000 file
    b"\xff\x4f\xff\x51",  # JPEG 2000 code stream
)
_PACK = b"\x00\x00\x01\xba"  # MPEG program stream
_VIDEO_MAGIC: tuple[bytes, ...] = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    CLUSTER,  # of Matroska, without its header
    b"OggS",
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01",  # MXF
    b"\x00\x00\x00\x00\x01\xbc",  # GXF
    _PACK,
    b"\x00\x00\x01\xb3",  # MPEG-1/2 video
    b"\x00\x00\x01\xb0",  # MPEG-4 part 2 video
    b"DKIF",  # IVF
    b"YUV4MPEG2 ",
    b"\x1f\x07\x00",  # DV
    b"\x12\x00\x0a",  # AV1 OBU stream
)
_ISO_BOXES = frozenset(
    {
        *(b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid", b"udta"),
        *(b"styp", b"moof", b"sidx", b"ssix", b"emsg", b"prft"),  # of streaming segments
    }
)
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif3", b"msf1")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_AUDIO_MAGIC = (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9", b"FORM")
_TEXT_HINTS: tuple[tuple[bytes, str], ...] = (
    (b"#EXTM3U", "a playlist"),
    (b"ffconcat", "a concat list"),
    (b"v=0", "a session description"),
    (b"<MPD", "a streaming manifest"),
    (b"%!PS", "PostScript"),
    (b"%PDF", "a PDF"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "XML"),
    (b"PK\x03\x04", "an archive"),
)


def read_head(path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The first four kilobytes of a regular file that is not empty and not larger than any limit.

    Raises:
        UnsupportedAsset: missing, a directory, a device, a pipe, unreadable or empty.
        LimitExceeded: larger than the limit for video.
    """
    name = Path(path).name
    try:
        # Without O_NONBLOCK the open of a named pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise UnsupportedAsset(f"{name} does not exist: check the path.") from None
    except (OSError, ValueError) as error:
        raise UnsupportedAsset(
            f"{name} cannot be opened ({error}): check the path and its rights."
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnsupportedAsset(f"{name} is not a regular file: give the path of a video or a picture.")
        if status.st_size == 0:
            raise UnsupportedAsset(f"{name} has zero bytes: transfer it again.")
        limits.check_bytes(status.st_size, "video", path)
        return os.read(descriptor, _HEAD_BYTES)
    finally:
        os.close(descriptor)


def sniff_kind(path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> AssetKind:
    """Whether the file is a `video` or an `artwork`, by its content.

    Raises:
        UnsupportedAsset: neither, or not a readable regular file.
        LimitExceeded: more bytes than its kind may have.
    """
    head = read_head(path, limits=limits)
    kind = _kind_of(head)
    if kind is None:
        raise UnsupportedAsset(_refusal(Path(path), head))
    limits.check_bytes(Path(path).stat().st_size, kind, path)
    return kind


def is_low_overhead(head: bytes) -> bool:
    """Whether these first bytes are of the small form of HEIF (box `mini`), which Pillow does not read."""
    return head[4:12] == b"ftypmif3"


def is_heic(head: bytes) -> bool:
    """Whether these first bytes are of a HEIC picture (HEVC inside HEIF), which Pillow does not read."""
    brands = _brands(head)
    if not brands or b"avif" in brands or b"avis" in brands:
        return False
    return brands[0] in (*_HEIC_BRANDS, b"mif1", b"msf1")


def _kind_of(head: bytes) -> AssetKind | None:
    """The kind that the first bytes show, or None."""
    if head.startswith(_STILL_MAGIC) or _is_bmp(head) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "artwork"
    brands = _brands(head)
    if brands and (brands[0] in _STILL_BRANDS):
        return "artwork"
    if head[4:8] in _ISO_BOXES or head.startswith(_VIDEO_MAGIC):
        return "video"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video"
    return "video" if demuxer_of(head) or is_annex_b(head) else None


def demuxer_of(head: bytes) -> str | None:
    """FFmpeg's name of the demuxer where its own search may go wrong: a stream cut anywhere. Else None."""
    if head.startswith(_VIDEO_MAGIC) or head[4:8] in _ISO_BOXES:
        return None
    if packet_layout(head) is not None:
        return "mpegts"
    return "mpeg" if _has_pack(head) else None


def _brands(head: bytes) -> tuple[bytes, ...]:
    """Major and compatible brands of an ISO base media file, empty for anything else."""
    if head[4:8] != b"ftyp":
        return ()
    size = min(int.from_bytes(head[:4], "big"), len(head))
    return (head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4)))


def _is_bmp(head: bytes) -> bool:
    """BMP: two letters are a weak sign, so the size of the second header must be one that exists."""
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)


def _has_pack(head: bytes) -> bool:
    """An MPEG program stream that was cut: a pack, and the system header or packet that follows it."""
    at = head.find(_PACK)
    follows = head.find(b"\x00\x00\x01", at + len(_PACK), at + 32)
    return at >= 0 and follows > 0 and head[follows + 3 : follows + 4] >= _PACK[-1:]


def _refusal(path: Path, head: bytes) -> str:
    """One sentence on why a file of unknown content is refused."""
    for mark, what in _TEXT_HINTS:
        if mark in head[:256]:
            return f"{path.name} is {what}, not a media file: give the video or picture itself."
    if head.startswith(_AUDIO_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WAVE"):
        return f"{path.name} is audio, whose cover is not looked at: give a video or a picture."
    named = f" although its name ends in '{path.suffix}'" if path.suffix else ""
    return (
        f"{path.name} is not a video or picture format we read{named}: "
        "export it again as MP4, MOV, MKV, JPEG or PNG."
    )
