"""Stored reports as material to work on: found, grouped by asset, with the rules that judged them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.errors import QcError, UsageError
from qc_plugin.files import temporary_folder, write_whole
from qc_plugin.report.listing import is_file, reports_of
from qc_plugin.report.read import read_meta
from qc_plugin.rulesets.ruleset import RuleSet, load_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qc_plugin.types import AssetReport

_SCHEMA_FOLDER = re.compile(r"schema=\d+")


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """The reports on one asset with equal measures, the newest last; they differ by their rules."""

    asset_id: str
    measure_key: str
    reports: tuple[Path, ...]


def find_reports(paths: Iterable[Path]) -> list[Path]:
    """Report files named, and those below folders. Raises UsageError for a path or folder without any."""
    found: dict[Path, None] = {}
    for path in paths:
        if not is_file(path) and not path.is_dir():
            raise UsageError(f"{path}: no such report or folder; check the path")
        found |= dict.fromkeys(reports_of(path))
    return list(found)


def group_by_asset(files: Sequence[Path]) -> tuple[list[StoredAsset], list[str]]:
    """The assets that `files` speak of, and a sentence for each file that cannot be read."""
    groups: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    unreadable = []
    for file in files:
        try:
            meta = read_meta(file)
            modified = file.stat().st_mtime_ns
        except QcError as error:
            unreadable.append(str(error))
            continue
        key = meta["asset"]["id"], meta["provenance"]["measure_key"]
        groups.setdefault(key, []).append((modified, file))
    assets = [StoredAsset(*key, tuple(file for _, file in sorted(g))) for key, g in groups.items()]
    return assets, unreadable


def root_of(report: Path) -> Path:
    """The reports folder a report lies in. Raises UsageError for a file that was moved out of one."""
    for folder in report.resolve().parents:
        if _SCHEMA_FOLDER.fullmatch(folder.name):
            return folder.parent
    raise UsageError(f"{report}: does not lie in a reports folder; say where to write with --reports DIR")


def rules_in(report: AssetReport) -> RuleSet:
    """The rule set a report was judged by, from its text. Raises RuleError when we no longer read that."""
    with temporary_folder("qc-rules-") as folder:
        file = folder / "stored-rules.yaml"
        write_whole(file, report.rules_text)
        rules = load_rules(file)
    return replace(rules, path=Path(f"rules of {report.asset.path}"))
