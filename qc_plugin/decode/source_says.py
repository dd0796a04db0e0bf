"""What a source states about itself beside its pictures: timecode, Dolby Vision, more than one angle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from av.stream import Disposition

from qc_plugin.decode.container import path_of
from qc_plugin.decode.sample_entries import dolby_profiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import InputContainer
    from av.video.stream import VideoStream

_TIMECODE: Final = re.compile(r"\d\d:[0-5]\d:[0-5]\d[:;.,]\d\d")
_PROFILE_WITHOUT_BASE: Final = 5  # its pictures are IPT-PQ-c2: no other decoder shows their colours
DOLBY_5_NOTE: Final = "Dolby Vision profile 5: its colours cannot be shown, so stills are not colour-true"


def start_timecode(container: InputContainer, stream: VideoStream) -> str | None:
    """The timecode of the first frame, `HH:MM:SS:FF`, or `HH:MM:SS;FF` where it is drop-frame; None without.

    From the `tmcd` track of QuickTime, the header of MXF or a `timecode` tag, in this order.
    """
    # FFmpeg gives what `tmcd` says to the picture track as well.
    data = [s.metadata for s in container.streams if s.type == "data"]
    for tags in (stream.metadata, *data, container.metadata):
        found = _tag(tags, "timecode")
        if found is not None and _TIMECODE.fullmatch(found):
            return found[:8] + (":" if found[8] == ":" else ";") + found[9:]
    return None


def is_dolby_vision_5(container: InputContainer) -> bool:
    """Whether the pictures are Dolby Vision of profile 5, which has no base picture in usual colours."""
    return _PROFILE_WITHOUT_BASE in dolby_profiles(path_of(container))


def other_videos(container: InputContainer, stream: VideoStream) -> tuple[str, ...]:
    """A note where there are more video streams than the one that is judged; cover pictures do not count."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if len(streams) < 2:
        return ()
    number = streams.index(stream) + 1 if stream in streams else 1
    return (f"{len(streams)} video streams: only number {number} is judged",)


def _tag(tags: Mapping[str, str], name: str) -> str | None:
    """A tag whatever the case of its name: Matroska writes capitals."""
    return next((value.strip() for key, value in tags.items() if key.lower() == name), None)
