"""Whether all of a video came that its container promised, and how long its last frame is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

    from qc_plugin.decode.pyav_frame import PyavFrame

_EARLY_S: Final = 1.0  # less than this missing at the end is rounding in the container
_LONGEST_STATED_S: Final = 1.0  # a last frame said to last longer is believed where the stated end agrees


class Ending:
    """The end that a container states, in seconds on its own clock, held against what comes.

    `is_own`: the end is that of the stream, not of the longest stream in the file.
    """

    def __init__(self, end_s: float | None, *, is_own: bool) -> None:
        self.end_s = end_s
        self.is_own = is_own
        self._last_packet_s: float | None = None
        self._n_errors_before = 0  # the last packet that gave a frame

    def see(self, packet: Packet[Stream]) -> None:
        """A packet came."""
        if packet.pts is not None:
            end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._last_packet_s = end_s if self._last_packet_s is None else max(self._last_packet_s, end_s)

    def see_frame_of(self, packet: Packet[Stream], n_errors: int) -> None:
        """A frame came out after this packet, with this many errors so far."""
        if packet.size:  # what the decoder still holds at the end came before
            self._n_errors_before = n_errors

    def is_early(self, came_s: float, origin_s: float, *, n_errors: int, keyframes_only: bool) -> bool:
        """Whether over a second more was promised than came; `came_s` counts from `origin_s`."""
        if self.end_s is None:
            return False
        # The last frame may be shown for long: what counts is whether all packets came and could be decoded.
        all_decoded = n_errors == self._n_errors_before
        if self._last_packet_s is not None and (all_decoded or keyframes_only or not self.is_own):
            came_s = max(came_s, self._last_packet_s - origin_s)
        return self.end_s - origin_s - came_s > _EARLY_S

    def last_duration_s(self, last: PyavFrame, origin_s: float, usual_s: float) -> float:
        """How long the last frame is shown: as stated, where that is short or ends where the video does."""
        if self.end_s is None or last.stated_s <= _LONGEST_STATED_S:
            plausible = 0 < last.stated_s <= _LONGEST_STATED_S
        else:
            plausible = last.pts_s + last.stated_s <= self.end_s - origin_s + _EARLY_S
        return last.stated_s if plausible else usual_s
