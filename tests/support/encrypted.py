"""Encrypted video as packagers and stores write it, made on the spot from clips of ours."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import av

from tests.support.clips import Clip, frame_of, make, pattern

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KEYS = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "11" * 16,
    "encryption_kid": "22" * 16,
}
_PIFF = uuid.UUID("a2394f52-5a9b-4f14-a244-6c427c648df4").bytes
_TO_STSD = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def cenc(folder: Path, *, name: str = "cenc.mp4", codec: str = "libx264", fragmented: bool = False) -> Path:
    """Common encryption by FFmpeg, with `senc` boxes."""
    path = folder / name
    flags = {"movflags": "frag_keyframe+empty_moov"} if fragmented else {}
    with av.open(str(path), "w", options=_KEYS | flags) as out:
        options = {"x265-params": "log-level=0:bframes=0"} if codec == "libx265" else {}
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 192, 112, "yuv420p"
        for index in range(12):
            frame = frame_of(pattern(index, 192, 112), "yuv420p")
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def patched(source: Path, name: str, *changes: tuple[bytes, bytes]) -> Path:
    """A copy with these bytes in place of others as long."""
    data = source.read_bytes()
    for old, new in changes:
        assert old in data
        assert len(old) == len(new)
        data = data.replace(old, new)
    path = source.with_name(name)
    path.write_bytes(data)
    return path


def piff(folder: Path, name: str = "piff.mp4") -> Path:
    """As Smooth Streaming writes it: FFmpeg knows no box that tells which samples are encrypted."""
    gone = ((each, b"free") for each in (b"senc", b"saiz", b"saio"))
    return patched(cenc(folder, codec="libx265"), name, (b"cenc", b"piff"), *gone)


def by_uuid(folder: Path, name: str = "uuid.mp4") -> Path:
    """Called `cenc`, but each fragment tells of its samples by PIFF's box."""
    path = cenc(folder, name=name, codec="libx265", fragmented=True)
    data = bytearray(path.read_bytes())
    for hidden in (b"saiz", b"saio"):
        data = data.replace(hidden, b"free")
    while (at := data.find(b"senc")) >= 0:
        data[at : at + 20] = b"uuid" + _PIFF  # over the version, the count and the first samples: never read
    path.write_bytes(data)
    return path


def declared_only(folder: Path, name: str = "declared.mp4") -> Path:
    """A clear file whose sample entry says `encv`, as the start of a clear lead does."""
    path = make(folder, Clip("clear.mp4"))
    sinf = _box(b"sinf", _box(b"frma", b"avc1") + _box(b"schm", bytes(4) + b"cenc" + bytes(4)))

    def change(entries: bytes) -> bytes:
        entry = entries[8:]
        return entries[:8] + _box(b"encv", entry[8:] + sinf)

    clear = path.read_bytes()
    data = bytearray(_changed(clear, _TO_STSD, change))
    offsets = data.index(b"stco") + 8
    for n in range(int.from_bytes(data[offsets : offsets + 4], "big")):
        at = offsets + 4 + 4 * n
        moved = int.from_bytes(data[at : at + 4], "big") + len(data) - len(clear)
        data[at : at + 4] = moved.to_bytes(4, "big")
    target = folder / name
    target.write_bytes(data)
    return target


def webm(folder: Path, name: str = "encrypted.webm") -> Path:
    """A track with ContentEncryption, as Widevine packagers write it."""
    source = make(folder, Clip("clear.webm", codec="libvpx", n_frames=6))
    aes = _element(b"\x47\xe1", b"\x05") + _element(b"\x47\xe2", b"k" * 16)
    encoding = _element(b"\x50\x33", b"\x01") + _element(b"\x50\x35", aes)
    extra = _element(b"\x6d\x80", _element(b"\x62\x40", encoding))
    data = source.read_bytes()
    path = folder / name
    path.write_bytes(_with_element(data, (b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae"), extra))
    return path


def scrambled_ts(folder: Path, name: str = "scrambled.ts") -> Path:
    """MPEG-TS as broadcast for subscribers: the payload of the video PID is noise, and its header says so."""
    data = bytearray(make(folder, Clip("clear.ts")).read_bytes())
    for at in range(0, len(data), 188):
        pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
        if pid == 256 and data[at + 3] & 0x10:
            start = at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)
            data[at + 3] |= 0x80
            data[start : at + 188] = bytes(byte ^ 0x5A for byte in data[start : at + 188])
    path = folder / name
    path.write_bytes(data)
    return path


def sample_aes(folder: Path, name: str = "sample-aes.ts") -> Path:
    """MPEG-TS as HLS encrypts it sample by sample: the map of programs says so by a descriptor."""
    data = bytearray(make(folder, Clip("clear.ts")).read_bytes())
    for at in range(0, len(data), 188):
        pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
        if pid == 4096:  # FFmpeg's map of programs; behind its end is stuffing
            data[at + 182 : at + 188] = b"\x0f\x04zavc"
    path = folder / name
    path.write_bytes(data)
    return path


def dvd(folder: Path, name: str = "title.vob") -> Path:
    """MPEG-PS with every third video packet scrambled, as copied from a protected disc."""
    data = bytearray(make(folder, Clip("clear.vob", codec="mpeg2video", n_frames=60)).read_bytes())
    at, n = 0, 0
    while (at := data.find(b"\0\0\1\xe0", at)) >= 0:
        if n % 3 == 2:
            data[at + 6] |= 0x30
            data[at + 40 : at + 400] = bytes(byte ^ 0x5A for byte in data[at + 40 : at + 400])
        at, n = at + 4, n + 1
    path = folder / name
    path.write_bytes(data)
    return path


def wmv(folder: Path, name: str = "drm.wmv") -> Path:
    """Windows Media whose header holds the object that names a licence."""
    source = make(folder, Clip("clear.asf", codec="msmpeg4"))
    data = source.read_bytes()
    mark = uuid.UUID("298ae614-2622-4c17-b935-dae07ee9289c").bytes_le
    body = mark + (24 + 8).to_bytes(8, "little") + bytes(8)
    size, count = int.from_bytes(data[16:24], "little"), int.from_bytes(data[24:28], "little")
    head = data[:16] + (size + len(body)).to_bytes(8, "little") + (count + 1).to_bytes(4, "little")
    path = folder / name
    path.write_bytes(head + data[28:30] + body + data[30:])
    return path


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def _changed(data: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """Boxes with the one at `path` changed and all sizes on the way made right."""
    out, at = b"", 0
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + size]
        if kind == path[0]:
            body = _changed(body, path[1:], change) if len(path) > 1 else change(body)
        out += _box(kind, body)
        at += size
    return out


def _element(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) | 1 << 56).to_bytes(8, "big") + body


def _with_element(data: bytes, path: tuple[bytes, ...], extra: bytes) -> bytes:
    """EBML with `extra` put behind what lies in the element at `path`."""
    out, at = b"", 0
    while at < len(data):
        id_bytes = 9 - data[at].bit_length()
        size_bytes = 9 - data[at + id_bytes].bit_length()
        kind, inside = data[at : at + id_bytes], at + id_bytes + size_bytes
        unknown = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(data[at + id_bytes : inside], "big") & unknown
        end = len(data) if size == unknown else inside + size
        body = data[inside:end]
        if kind == path[0]:
            body = _with_element(body, path[1:], extra) if len(path) > 1 else body + extra
            path = (b"", *path[1:])
        out += _element(kind, body)
        at = end
    return out
