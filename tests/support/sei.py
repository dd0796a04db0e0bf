"""Raw H.264 and HEVC with a message (SEI) of our own before the first picture, and EXIF in JPEG video."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from PIL import Image

from tests.support.clips import Clip, make

if TYPE_CHECKING:
    from pathlib import Path

_ORIENTATION = 0x0112
# Kind and content of messages that FFmpeg turns into side data of a frame, by the name of what comes out.
MESSAGES = {
    "SEI_UNREGISTERED": (5, b"x" * 16 + b"hello"),
    "A53_CC": (4, b"\xb5\x00\x31GA94\x03\xc1\xff\xfc\x80\x80\xff"),
    "AFD": (4, b"\xb5\x00\x31DTG1\x41\xf8"),
    "LCEVC": (4, b"\xb4\x00\x50\x00" + b"a" * 20),
    "DISPLAYMATRIX": (47, b"\x08\x00\x00\x00"),
    "MASTERING_DISPLAY_METADATA": (
        137,
        struct.pack(">8H2I", 13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10_000_000, 1),
    ),
    "CONTENT_LIGHT_LEVEL": (144, struct.pack(">HH", 1000, 400)),
    "AMBIENT_VIEWING_ENVIRONMENT": (148, struct.pack(">IHH", 314_000, 15_635, 16_450)),
    "S12M_TIMECODE": (136, b"\x40" * 10),  # of HEVC only
}


def with_messages(folder: Path, names: list[str], *, hevc: bool = False) -> Path:
    """Four frames with these messages before the first."""
    suffix = "hevc" if hevc else "h264"
    x265 = {"x265-params": "log-level=0:bframes=0", "preset": "ultrafast"}
    clip = Clip(
        f"plain.{suffix}", codec="libx265" if hevc else "libx264", n_frames=4, options=x265 if hevc else {}
    )
    raw = make(folder, clip).read_bytes()
    first = _first_picture(raw, hevc=hevc)
    messages = b"".join(_message(*MESSAGES[name], hevc=hevc) for name in names)
    path = folder / f"{'-'.join(names)[:60].lower()}.{suffix}"
    path.write_bytes(raw[:first] + messages + raw[first:])
    return path


def jpeg_video(folder: Path, orientation: int, *, name: str = "exif.mov") -> Path:
    """Motion JPEG whose pictures hold EXIF with this orientation; the upright picture is light at its top."""
    picture = Image.new("RGB", (64, 32), (30, 30, 30))
    picture.paste((220, 220, 220), (0, 0, 64, 8))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    data = io.BytesIO()
    picture.save(data, "JPEG", exif=exif, quality=95)
    path = folder / name
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuvj420p"
        for tick in range(4):
            packet = av.Packet(data.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = tick
            packet.is_keyframe = True
            out.mux(packet)
    return path


def _first_picture(raw: bytes, *, hevc: bool) -> int:
    """Where the start code of the first key picture begins."""
    at = 0
    while True:
        at = raw.index(b"\0\0\1", at)
        kind = raw[at + 3] >> 1 & 63 if hevc else raw[at + 3] & 31
        if kind in ((19, 20) if hevc else (5,)):
            return at - (raw[at - 1] == 0)
        at += 3


def _message(kind: int, content: bytes, *, hevc: bool) -> bytes:
    body = bytes([kind, len(content)]) + content + b"\x80"
    return b"\0\0\0\1" + (b"\x4e\x01" if hevc else b"\x06") + _escaped(body)


def _escaped(body: bytes) -> bytes:
    """With the byte that keeps two zeros from looking like the start of a unit."""
    out, n_zeros = bytearray(), 0
    for byte in body:
        if n_zeros >= 2 and byte <= 3:
            out.append(3)
            n_zeros = 0
        out.append(byte)
        n_zeros = n_zeros + 1 if byte == 0 else 0
    return bytes(out)
