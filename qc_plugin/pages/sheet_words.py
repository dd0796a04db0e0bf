"""Numbers, times and keys as people read them on a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.report.timecode import timecodes
from qc_plugin.types.measures import MEASURES, Measure, unknown
from qc_plugin.types.summary import EXCLUDED, OF_ASSET

if TYPE_CHECKING:
    from qc_plugin.types import AssetReport, Finding, MediaInfo

NARROW = "\u202f"  # no line break between a number and its sign
DECISION_WORDS = {
    "accept": "Accept",
    "deblur": "Deblur",
    "review": "Review",
    "reject": "Reject",
    "error": "Error",
    "excluded": "Left out",
}
REASON_WORDS = {
    "black": ("Black", "no light at all"),
    "dark": ("Too dark", "hardly any light in the brightest tenth of the picture"),
    "transition": ("In a transition", "too close to a cut, fade or dissolve"),
    "corrupt": ("Damaged", "the decoder could not show it as it was made"),
    "blank": ("Blank", "one plain tone, nothing to see"),
    "too_small": ("Too small", "too few pixels to judge by"),
    "combed": ("Combed", "two fields of an interlaced picture at once"),
    "duplicate": ("Near-duplicate", "looks like a better frame"),
    "outranked": ("Outranked", "good, but others are better"),
    "per_shot": ("Shot has its picks", "a better frame of the same shot is ranked"),
    "min_gap": ("Too close in time", "a better frame of the same shot is near"),
    "review": ("Needs a look", "a rule asks for a person to decide"),
    "rejected": ("Rejected", "a rule failed"),
}
_FEW = 0.1  # below 10 % one decimal says more


def measure_of(report: AssetReport, name: str) -> Measure:
    """What is known of a measure: by the report, which tells of those of packages, or else by us."""
    told = next((measure for measure in report.measures if measure.name == name), None)
    return told or MEASURES.get(name) or unknown(name, humanise(name))


def humanise(key: str) -> str:
    """`face-motion-blur` as "Face motion blur", `asset:left-out` as "Left out"."""
    words = key.removeprefix(OF_ASSET).replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def reason_words(key: str) -> tuple[str, str]:
    """Title and explanation of a reason in the funnel; `excluded:<rule>` speaks of that exclude rule."""
    name = key.removeprefix(EXCLUDED)
    known = REASON_WORDS.get(name.replace("-", "_"))
    return known or (humanise(name), "left out by an exclude rule" if name != key else "")


def number(measure: Measure, value: float | None) -> str:
    """`value` in the unit of its measure: "22 %", "0.87", "0.25 s", "3"."""
    if value is None:
        return "not measured"
    return share(value) if measure.as_percent else f"{value:.{measure.decimals}f}{measure.suffix}"


def share(value: float) -> str:
    """A share as percent, with one decimal where it is small."""
    percent = 100 * value
    decimals = 1 if 0 < abs(value) < _FEW and round(percent, 1) != round(percent) else 0
    return f"{percent:.{decimals}f}{NARROW}%"


def clock(seconds: float) -> str:
    """`0:48.16`, `1:02:03.48`."""
    hundredths = round(max(0.0, seconds) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 100:02d}.{rest % 100:02d}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def moment(media: MediaInfo | None, seconds: float) -> str:
    """`0:48.16`, and the source's own timecode beside it where it has one: `0:48.16 (10:00:48:04)`."""
    _, source = timecodes(media, seconds)
    return f"{clock(seconds)} ({source})" if source else clock(seconds)


def axis_clock(seconds: float, step_s: float) -> str:
    """`0:48` for axis labels, `0:00.5` where they are less than a second apart."""
    return clock(seconds)[:-1] if step_s < 1 else clock(seconds).rpartition(".")[0]


def length(seconds: float) -> str:
    """`57.6 s`, `4 min 12 s`, `1 h 32 min`."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def counted(n: int, noun: str, plural: str = "") -> str:
    """`1 frame`, `1,204 frames`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def region_name(finding: Finding) -> str:
    """`face 1`, `hand 2`, or "whole frame"."""
    if finding.region_kind is None:
        return "whole frame"
    return finding.region_kind if finding.region_n is None else f"{finding.region_kind} {finding.region_n}"
