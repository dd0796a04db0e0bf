"""What the product says of a file: the whole way of a scan but for the networks, which see nothing here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.asset.check_one import AssetChecker
from qc_plugin.config import RunConfig
from qc_plugin.errors import AssetError
from qc_plugin.isolation.looks import Wanted
from qc_plugin.isolation.samples import open_samples
from qc_plugin.report.read import read_report
from qc_plugin.types import Asset, BlurMap

if TYPE_CHECKING:
    from qc_plugin.asset.outcome import AssetOutcome
    from qc_plugin.types import AssetKind, MediaInfo

_CODES = Path(__file__).parents[2] / "docs" / "exit-codes.md"
_CELLS = re.findall(r"^\| ([\d, ]+) \|", _CODES.read_text(encoding="utf-8"), re.MULTILINE)
DOCUMENTED = frozenset(int(code) for cell in _CELLS for code in cell.split(","))
_MAP_PX = 8
# How a fix begins: what the reader of the sentence is to do.
_FIX = re.compile(
    r"\b(give|export|save|transfer|send|ask|split|use|choose|replace|leave|check|look|convert|take|make|name|"
    r"install|scale|report|try|let|allow|fetch|not tried again)\b"
)
_OF_PROGRAMS = re.compile(r"Traceback|internal error|Error\(|\b0x[0-9a-f]{4}|<class|[Ee]rrno|NoneType|\n")


class _Unseeing:
    """In the place of the networks: no blur anywhere, nobody in the picture."""

    uses = ()
    segmenter = None  # nothing is blurred, so nothing is repaired

    def at_scale_of(self, kind: AssetKind) -> _Unseeing:
        return self

    def look(self, samples):
        flat = np.zeros((_MAP_PX, _MAP_PX), np.float32)
        maps = [BlurMap(sample.frame.index, flat, flat, flat + 1) for sample in samples]
        return maps, [[] for _ in samples]


class UnseeingChecker(AssetChecker):
    """Decodes, measures, judges and reports as a scan does, in no time for networks."""

    def __init__(self, reports: Path) -> None:
        super().__init__(RunConfig(reports=reports, sheet=False, stills=False), tell=False)

    @property
    def engines(self) -> _Unseeing:
        return _Unseeing()


@dataclass(frozen=True)
class Row:
    """A file's row of a scan, and whether it is as every row must be."""

    path: Path
    outcome: AssetOutcome
    media: MediaInfo | None

    @property
    def faults(self) -> list[str]:
        """What no row may have; empty if all is well."""
        code, text = self.outcome.ends_with, self.outcome.sentence
        found = [] if code in DOCUMENTED else [f"exit code {code} is not documented"]
        found += ["an internal error"] if code == 70 else []
        found += [f"no sentence of ours: {text!r}"] if not is_ours(text, refused=code >= 20) else []
        return found + ([] if self.outcome.report else ["no report"])


def is_ours(text: str, *, refused: bool) -> bool:
    """One line in words; a refusal is one sentence that ends with what to do."""
    if not text or _OF_PROGRAMS.search(text) or len(text) > 400:
        return False
    if not refused:
        return True
    head, colon, fix = max(
        (text.rpartition(mark) for mark in (": ", "; ", ", or ")), key=lambda part: len(part[0])
    )
    return bool(head and colon and _FIX.search(text[len(text) // 3 :])) and fix.endswith((".", ")"))


def row_of(checker: AssetChecker, path: Path) -> Row:
    """The row that a scan would have for `path`."""
    outcome = checker.process(path, None)
    return Row(path, outcome, read_report(outcome.report).media if outcome.report else None)


@dataclass
class Pictures:
    """All frames: when they are shown, and some of them as RGB by their ordinal."""

    info: MediaInfo
    times: list[float] = field(default_factory=list)
    rgb: dict[int, np.ndarray] = field(default_factory=dict)


def pictures_of(path: Path, kind: AssetKind) -> Pictures | None:
    """The frames of `path`, the first of them in colour; None where it is refused."""
    try:
        with open_samples(
            Asset(id="", path=str(path), kind=kind), Wanted(sample="0.1fps", most=1)
        ) as samples:
            found = Pictures(samples.info)
            for look in samples.looks():
                found.times.append(look.preview.pts_s)
                if look.frame is not None and not found.rgb:
                    found.rgb[look.frame.index] = look.frame.rgb
            found.info = samples.info
            return found
    except AssetError:
        return None
