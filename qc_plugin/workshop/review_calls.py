"""A review page of the frames that other rules decide otherwise by the narrowest margins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.asset.check_one import rules_of
from qc_plugin.asset.judged_again import judge_again
from qc_plugin.errors import UsageError
from qc_plugin.report.read import read_report
from qc_plugin.workshop.review import Review, write_page_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qc_plugin.config import RunConfig
    from qc_plugin.workshop.rejudge import RejudgeResult


def review_calls(
    result: RejudgeResult, rules: Sequence[str], config: RunConfig, out: Path, *, assets: Path | None = None
) -> Review:
    """Write the page of `result.closest()` to `out`, each frame as the new `rules` see it.

    `assets` is a folder that holds assets which moved. UsageError when no decision changes.
    """
    sets = {each.id: each for each in (rules_of(config.model_copy(update={"rules": name})) for name in rules)}
    frames: dict[Path, set[int]] = {}
    set_of = {}
    for asset, call in result.closest():
        assert asset.measured is not None
        frames.setdefault(asset.measured, set()).add(call.frame_index)
        set_of[asset.measured] = sets[asset.rules_id]
    if not frames:
        raise UsageError("no decision changes, so there is no closest call to review; leave out --review")
    chosen = []
    for path, wanted in frames.items():
        report = judge_again(read_report(path), set_of[path])
        chosen.append((path, report, tuple(r for r in report.frames if r.score.frame_index in wanted)))
    return write_page_of(chosen, config, out, assets=assets)
