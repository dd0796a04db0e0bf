"""The two calls of the Python interface."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qc_plugin.batch.run import ScanResult
from qc_plugin.batch.run import check as check_path
from qc_plugin.batch.run import scan as scan_paths
from qc_plugin.config import load_config
from qc_plugin.store.address import given_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qc_plugin.types import AssetReport

StrPath = str | os.PathLike[str]  # a path, or s3://bucket/key


def check_asset(path: StrPath, **settings: Any) -> AssetReport:
    """Check one video or picture and return its report; the Parquet file is written as well.

    `settings` are those of `RunConfig` (rules, sample, reports, backend, ...). A file that cannot be checked
    gives a report with verdict "error" and a sentence; a missing file raises UsageError, a bad rule file
    RuleError.
    """
    from qc_plugin.report.read import read_report

    outcome = check_path(given_place(os.fspath(path)), load_config(settings)[0])
    assert outcome.report is not None
    return read_report(outcome.report)


def scan(paths: Sequence[StrPath], **settings: Any) -> ScanResult:
    """Check every asset under `paths` (files and folders) and return one outcome each; see `check_asset`."""
    return scan_paths([given_place(os.fspath(p)) for p in paths], load_config(settings)[0])
