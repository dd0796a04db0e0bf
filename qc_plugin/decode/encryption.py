"""Whether a file is encrypted, told from its header.

A demuxer without the key hands encrypted packets over as if they were clear, or fails with words about
something else; a decoder then makes grey or noise of them. Only bounded parts of the header are read.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from qc_plugin.decode.boxes import boxes, boxes_at
from qc_plugin.decode.ebml import TRACK, elements, elements_at, number_at
from qc_plugin.decode.packet_layout import packet_layout
from qc_plugin.errors import UnsupportedAsset

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

_MOST_BYTES: Final = 1 << 20
_MOST_FRAGMENTS: Final = 4
_TOLD_BY_PACKETS: Final = ("cenc", "cbcs", "cens", "cbc1")
_PROTECTED: Final = (b"encv", b"drmi", b"enca", b"drms")  # sample entries, those of pictures first
_SCHEMES: Final = {"itun": "FairPlay", "odkm": "OMA DRM"}
_AFTER_ENTRY: Final = {b"encv": 78, b"drmi": 78, b"enca": 28, b"drms": 28}  # bytes before an entry's boxes
_PIFF_SAMPLES: Final = uuid.UUID("a2394f52-5a9b-4f14-a244-6c427c648df4").bytes
_ASF_ENCRYPTION: Final = tuple(
    uuid.UUID(text).bytes_le
    for text in (
        "2211b3fb-bd23-11d2-b4b7-00a0c955fc6e",
        "298ae614-2622-4c17-b935-dae07ee9289c",
        "1efb1a30-0b62-11d0-a39b-00a0c90348f6",
    )
)
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MXF: Final = bytes.fromhex("060e2b3402050101")
_MXF_ENCRYPTED_TRIPLET: Final = bytes.fromhex("0d010301027e0100")
_PROGRAM_STREAM: Final = b"\0\0\1\xba"
_VIDEO_PES: Final = re.compile(rb"\x00\x00\x01[\xe0-\xef]..([\x80-\xbf])", re.DOTALL)
_SAMPLE_AES: Final = b"\x0f\x04zavc"  # the descriptor of an elementary stream that HLS encrypts
_SYNC: Final = 0x47
_MATROSKA: Final = b"\x1aE\xdf\xa3"
_TRACK_TYPE = 0x83
_ENCRYPTED = (0x6D80, 0x6240, 0x5035)  # encodings, one of them, that it is an encryption


@dataclass(frozen=True, slots=True)
class Encryption:
    """`scheme` as people call it. `always`: nothing but the header tells; else each packet says so itself."""

    scheme: str
    always: bool


def encryption_of(path: str | Path) -> Encryption | None:
    """What the header of a media file says; None where it names no encryption or cannot be read."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(1024)
            file.seek(0, 2)
            return _told_by(file, head, file.tell())
    except OSError:
        return None


def refuse_encrypted(path: str | Path, *, told_by_packets: bool) -> None:
    """Raise UnsupportedAsset for a file whose header names an encryption.

    `told_by_packets`: only for one that no packet would tell of. Where packets do, some files that are
    declared encrypted are clear, or begin clear.
    """
    found = encryption_of(path)
    if found is not None and (found.always or not told_by_packets):
        raise UnsupportedAsset(f"{Path(path).name} is encrypted ({found.scheme}): give the clear file.")


def refuse_encrypted_packet(packet: Packet[Stream], path: str | Path) -> None:
    """Raise UnsupportedAsset for a packet that cannot be decoded without a key."""
    if packet.has_sidedata("encryption_info"):
        found = encryption_of(path)
        scheme = found.scheme if found else "common encryption"
        raise UnsupportedAsset(f"{Path(path).name} is encrypted ({scheme}): give the clear file.")


def _told_by(file: BinaryIO, head: bytes, end: int) -> Encryption | None:
    if head.startswith(_MATROSKA):
        return _of_matroska(file, end)
    if head.startswith((_ASF, _MXF)):
        file.seek(0)
        return _of_marks(file.read(_MOST_BYTES), head)
    if head.startswith(_PROGRAM_STREAM):
        file.seek(0)
        return _of_program_stream(file.read(_MOST_BYTES))
    found = _of_boxes(file, end)
    file.seek(0)
    return found or _of_transport_stream(file.read(_MOST_BYTES))


def _of_boxes(file: BinaryIO, end: int) -> Encryption | None:
    """MP4 and QuickTime: a sample entry that is protected, with its scheme."""
    found: dict[bytes, str] = {}
    for start, stop in boxes_at(file, 0, end, (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")):
        for kind, inside, last in boxes(file, start + 8, stop):
            if kind in _PROTECTED:
                found[kind] = _scheme(file, inside + _AFTER_ENTRY[kind], last) or kind.decode()
    for kind in _PROTECTED:
        if kind in found:
            scheme = found[kind]
            always = kind in (b"encv", b"drmi") and (
                scheme not in _TOLD_BY_PACKETS or _samples_by_uuid(file, end)
            )
            return Encryption(_SCHEMES.get(scheme, scheme), always)
    return None


def _scheme(file: BinaryIO, start: int, end: int) -> str:
    for inside, _ in boxes_at(file, start, end, (b"sinf", b"schm")):
        file.seek(inside + 4)
        return file.read(4).decode("ascii", "replace").strip()
    return ""


def _samples_by_uuid(file: BinaryIO, end: int) -> bool:
    """Whether the first fragments tell of their samples as PIFF does, which FFmpeg does not read."""
    for n, (start, stop) in enumerate(boxes_at(file, 0, end, (b"moof", b"traf"))):
        kinds: dict[bytes, bytes] = {}
        for kind, inside, _ in boxes(file, start, stop):
            file.seek(inside)
            kinds[kind] = kinds.get(kind, b"") + file.read(16)
        if b"senc" not in kinds and _PIFF_SAMPLES in kinds.get(b"uuid", b""):
            return True
        if n + 1 == _MOST_FRAGMENTS:
            break
    return False


def _of_matroska(file: BinaryIO, end: int) -> Encryption | None:
    """A video track whose content is encoded by encryption, not only compressed."""
    for start, stop in elements_at(file, 0, end, TRACK):
        parts = list(elements(file, start, stop))
        is_video = any(k == _TRACK_TYPE and number_at(file, at, last) == 1 for k, at, last in parts)
        if is_video and any(True for _ in elements_at(file, start, stop, _ENCRYPTED)):
            return Encryption("Matroska content encryption", always=True)
    return None


def _of_marks(data: bytes, head: bytes) -> Encryption | None:
    """ASF and MXF: objects of the header, or a wrapping of pictures, that exist for nothing else."""
    if head.startswith(_MXF):
        found = _MXF_ENCRYPTED_TRIPLET in data
        return Encryption("MXF, SMPTE ST 429-6", always=True) if found else None
    size = int.from_bytes(head[16:24], "little")
    found = any(mark in data[:size] for mark in _ASF_ENCRYPTION)
    return Encryption("Windows Media DRM", always=True) if found else None


def _of_program_stream(data: bytes) -> Encryption | None:
    """Video packets whose header says that they are scrambled; a DVD leaves many of them clear."""
    heads = [match.group(1)[0] for match in _VIDEO_PES.finditer(data)]
    n_scrambled = sum(bool(head & 0x30) for head in heads)
    found = 10 * n_scrambled > len(heads)
    return Encryption("MPEG-PS scrambling, as on a DVD", always=True) if found else None


def _of_transport_stream(data: bytes) -> Encryption | None:
    """Packets with payload whose header says that it is scrambled, more than half on some PID."""
    first, step = packet_layout(data) or (len(data), 1)
    if first < len(data) and _SAMPLE_AES in data:
        return Encryption("SAMPLE-AES", always=True)
    counts: dict[int, list[int]] = {}
    for at in range(first, len(data) - 4, step):
        if data[at] == _SYNC and data[at + 3] & 0x10:
            count = counts.setdefault((data[at + 1] & 0x1F) << 8 | data[at + 2], [0, 0])
            count[0] += 1
            count[1] += bool(data[at + 3] & 0xC0)
    scrambled = any(2 * n_scrambled > n_all for n_all, n_scrambled in counts.values())
    return Encryption("MPEG-TS scrambling", always=False) if scrambled else None
