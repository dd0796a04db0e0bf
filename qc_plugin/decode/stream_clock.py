"""How long MPEG streams really last, and one clock for packets of a stream whose own clock jumps.

MPEG-TS and MPEG-PS state no length: FFmpeg takes the last timestamp minus the first, which is hours too much
or too little where recordings were joined or the encoder's clock was set.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from av.format import Flags
from numpy.typing import NDArray

from qc_plugin.decode.packet_layout import packet_layout

if TYPE_CHECKING:
    from fractions import Fraction

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

# A longer step is a new clock, not a picture that is shown for long; ffmpeg draws the line here too.
FORWARD_S: Final = 10.0
# Decoding times never go back inside one recording; muxers slip by a few pictures.
BACK_S: Final = 0.5
JOINED_NOTE: Final = "the clock of the stream jumps: joined, so that times go on"
_USUAL_FPS: Final = 25
_TICKS_PER_S: Final = 90_000
_WRAP_S: Final = (1 << 33) / _TICKS_PER_S
_WINDOW_BYTES: Final = 1 << 18
_N_WINDOWS: Final = 64
_STEADY_S: Final = 1.0  # standards ask for a clock every 0.1 s (TS) or 0.7 s (PS)
_MOST_UNEVEN: Final = 20  # times the mean bit rate that a still or a black stretch may fall short of
_PACK: Final = b"\x00\x00\x01\xba"

Reading = tuple[int, float]  # byte in the file, seconds


def joined_length_s(path: str | Path) -> float | None:
    """About how long an MPEG stream lasts without the jumps of its clock, in seconds; None where it has none.

    Reads at most 16 MB, spread over the file.
    """
    windows = [found for found in _readings(Path(path)) if found]
    seconds = lengths = 0.0
    for window in windows:
        steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(window)]
        steady = [step for step in steps if 0 < step[1] <= _STEADY_S]
        lengths += sum(n_bytes for n_bytes, _ in steady)
        seconds += sum(step_s for _, step_s in steady)
    if not lengths:
        return None
    return _without_jumps([reading for window in windows for reading in window], seconds / lengths)


def _without_jumps(readings: list[Reading], s_per_byte: float) -> float | None:
    """The steps added up, those that no bit rate explains replaced by what their bytes usually last."""
    total_s, jumps = 0.0, False
    for (at, before_s), (next_at, after_s) in pairwise(readings):
        usual_s = (next_at - at) * s_per_byte
        step_s = after_s - before_s
        step_s += _WRAP_S if step_s < -_WRAP_S / 2 else 0.0
        least_s = (
            usual_s / _MOST_UNEVEN if usual_s > FORWARD_S else -BACK_S
        )  # far apart, it went on meanwhile
        if least_s <= step_s <= max(FORWARD_S, _MOST_UNEVEN * usual_s):
            total_s += step_s
        else:
            total_s += usual_s
            jumps = True
    return total_s if jumps else None


def _readings(path: Path) -> list[list[Reading]]:
    """Clock values of each window, of the one programme that shows the most in the first."""
    size = path.stat().st_size
    step = max(_WINDOW_BYTES, size // _N_WINDOWS)
    wanted: int | None = None
    found = []
    with path.open("rb") as file:
        for start in range(0, size, step):
            file.seek(start)
            programmes, places, clocks = _clocks(file.read(_WINDOW_BYTES))
            if wanted is None and programmes.size:
                wanted = int(np.bincount(programmes).argmax())
            own = programmes == wanted
            at, seconds = (places[own] + start).tolist(), (clocks[own] / _TICKS_PER_S).tolist()
            found.append(list(zip(at, seconds, strict=True)))
    return found


Ints = NDArray[np.int64]


def _clocks(window: bytes) -> tuple[Ints, Ints, Ints]:
    """Programme, place and 90 kHz clock of every clock reference in these bytes."""
    layout = packet_layout(window)
    return _system_clocks(window) if layout is None else _programme_clocks(window, *layout)


def _programme_clocks(window: bytes, start: int, step: int) -> tuple[Ints, Ints, Ints]:
    """PCR of a transport stream: in the adaptation field of some packets."""
    n_packets = (len(window) - start) // step
    packets = np.frombuffer(window, np.uint8, n_packets * step, start).reshape(-1, step).astype(np.int64)
    has_clock = (packets[:, 0] == ord("G")) & (packets[:, 3] & 0x20 > 0)
    has_clock &= (packets[:, 4] >= 7) & (packets[:, 5] & 0x10 > 0)
    p = packets[has_clock]
    clock = p[:, 6] << 25 | p[:, 7] << 17 | p[:, 8] << 9 | p[:, 9] << 1 | p[:, 10] >> 7
    return (p[:, 1] & 0x1F) << 8 | p[:, 2], np.flatnonzero(has_clock) * step + start, clock


def _system_clocks(window: bytes) -> tuple[Ints, Ints, Ints]:
    """SCR of a programme stream: at the head of each pack, in the form of MPEG-2 or of MPEG-1."""
    places, clocks = [], []
    at = window.find(_PACK)
    while 0 <= at <= len(window) - 9:
        a, b, c, d, e = window[at + 4 : at + 9]
        if a & 0xC4 == 0x44:  # MPEG-2
            high = (a & 0x38) << 27 | (a & 3) << 28
            clocks.append(high | b << 20 | (c & 0xF8) << 12 | (c & 3) << 13 | d << 5 | e >> 3)
            places.append(at)
        elif a & 0xF1 == 0x21:  # MPEG-1
            clocks.append((a & 0x0E) << 29 | b << 22 | (c & 0xFE) << 14 | d << 7 | e >> 1)
            places.append(at)
        at = window.find(_PACK, at + 4)
    return np.zeros(len(places), np.int64), np.array(places, np.int64), np.array(clocks, np.int64)


class PacketClock:
    """Moves the timestamps of packets so that a clock that jumps goes on instead; for one stream."""

    def __init__(self, *, time_base: Fraction, frame_s: float) -> None:
        self._time_base = time_base
        self._frame = round(frame_s / time_base)
        self._last: int | None = None  # decoding time of the packet before, as stored
        self._delay = 0  # of presentation behind decoding
        self._shift = 0
        self._since: list[int] = []  # joined decoding times from which on the shift of the same place holds
        self._shifts: list[int] = []

    @property
    def n_joined(self) -> int:
        """Jumps so far."""
        return len(self._shifts)

    def join(self, packet: Packet[Stream]) -> None:
        """Shift `packet` by all jumps up to it. A packet without times stays without."""
        now = packet.dts if packet.dts is not None else packet.pts
        if now is None:
            return
        if self._last is not None and not -BACK_S <= (now - self._last) * self._time_base <= FORWARD_S:
            self._shift += self._last - now + self._frame
            self._since.append(now + self._shift)
            self._shifts.append(self._shift)
        self._last = now
        if packet.pts is not None:
            # Before a jump FFmpeg takes the decoding time of the next packet for the time of this one.
            if abs(packet.pts - now) * self._time_base > FORWARD_S:
                packet.pts = now + self._delay
            self._delay = packet.pts - now
            packet.pts += self._shift
        packet.dts = None if packet.dts is None else packet.dts + self._shift

    def stored(self, pts: int | None, time_base: Fraction | None) -> int | None:
        """The container's own timestamp of a frame, in ticks of `time_base` (of the stream where None)."""
        if pts is None or not self._shifts:
            return pts
        ticks = (time_base or self._time_base) / self._time_base
        which = bisect_right(self._since, int(pts * ticks)) - 1
        return pts if which < 0 else pts - int(self._shifts[which] / ticks)


def packet_clock(container: InputContainer, stream: VideoStream) -> PacketClock | None:
    """A clock for formats whose own may jump; None for those whose timestamps mean what they say."""
    if not Flags(container.format.flags) & Flags.ts_discont or stream.time_base is None:
        return None
    rate = stream.average_rate or stream.guessed_rate or _USUAL_FPS
    return PacketClock(time_base=stream.time_base, frame_s=float(1 / rate))
