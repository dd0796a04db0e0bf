"""Every hook an installed package may implement, through the entry-point group `qc_plugin`.

Only installed packages are loaded, never a path from an event or a rule file. `installed.py` calls them, each
alone and guarded; `guard.py` keeps a hook that hangs, prints or raises away from the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pluggy

from qc_plugin.types.measures import Measure, Unit, Worse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from qc_plugin.types import AssetReport, Box

__all__ = ["GROUP", "ExtraMeasure", "Hooks", "hookimpl", "hookspec"]

GROUP = "qc_plugin"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraMeasure:
    """A measure from a package: what it is, its version, and the function that takes it.

    `name` is what rules say; the range goes from `low` to `high` (None: no upper end), `worse` the way that
    is worse; `text` explains it, `says` is its part of a sentence: "{value} is red", `title` stands over it
    on sheets. Reports tell all this, so that those who read one know what its number means.

    `function(rgb, box)` gets the frame (H, W, 3) uint8 sRGB, read-only, and a box in its pixels (the whole
    frame for a frame measure); it returns a number within the measure's range, or None where it cannot tell.
    Raise `version` when its numbers change: it is part of the measure key, so that assets are measured again.
    """

    name: str
    text: str
    function: Callable[[NDArray[np.uint8], Box], float | None]
    version: str = "1"
    unit: Unit = "share"
    low: float = 0.0
    high: float | None = 1.0
    worse: Worse = "higher"
    where: Literal["frame", "region", "both"] = "frame"
    says: str = ""
    title: str = ""

    @property
    def measure(self) -> Measure:
        """As rules, reports and sheets know it."""
        words = self.name.replace("_", " ")
        return Measure(
            name=self.name,
            unit=self.unit,
            low=self.low,
            high=self.high,
            worse=self.worse,
            where=self.where,
            text=self.text,
            says=self.says or f"{words} is {{value}}",
            title=self.title or words.capitalize(),
        )


class Hooks:
    """The whole extension surface. Those told of a report run after it is durable and get a copy of it."""

    @hookspec
    def register_measures(self) -> list[ExtraMeasure]:  # type: ignore[empty-body]
        """Give measures that rules may name; called once a process, before rules are read."""

    @hookspec
    def asset_resolver(self, uri: str, folder: Path) -> Path | None:
        """Give the local file behind `uri`, fetched into `folder` if need be; None if it is not yours."""

    @hookspec
    def report_sink(self, path: Path, sheet: Path | None) -> str | None:
        """Put a finished report elsewhere and return its address; called before `asset_finished`."""

    @hookspec
    def asset_finished(self, report: AssetReport, path: Path) -> None:
        """Call after the report of one asset was put into place at `path`."""

    @hookspec
    def batch_finished(self, reports: Path, n_done: int, n_failed: int) -> None:
        """Call once after a scan; `reports` is the reports folder."""
