"""Reports: one Parquet file per asset (`write`, `read`) and its HTML view (`sheet`).

The only package that knows pyarrow, pandas and jinja2. Import the doors from their modules:
`write.write_report`, `write.report_path`, `read.read_meta`, `read.read_report`, `sheet.write_sheet`,
`sheet_wants.wanted_pictures`. `read_frames` is for users and stands here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qc_plugin.report.read import read_frames

__all__ = ["read_frames"]


def __getattr__(name: str) -> Any:
    if name != "read_frames":
        raise AttributeError(f"module 'qc_plugin.report' has no attribute {name!r}")
    from qc_plugin.report.read import read_frames  # pyarrow is loaded by those who read

    return read_frames
