"""Do two reports of one asset say the same? Another back-end computes in other precision, not other things.

    python bench/compare_reports.py FOLDER_A FOLDER_B

Prints the largest difference of every number per frame. Exits with 1 if frames differ in number, or if more
than one frame in fifty has a measure of blur that differs by more than it may.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qc_plugin.report import read_frames

MAY_DIFFER = 0.03  # of a blur measure in 0..1; a box that moves by a px changes which cells are counted
KEYS = ["asset_id", "frame_index"]


def main() -> int:
    """Command line."""
    first, second = (read_frames(Path(folder)) for folder in sys.argv[1:3])
    keys = [key for key in KEYS if key in first.columns]
    both = first.merge(second, on=keys, suffixes=("_a", "_b"))
    print(f"{len(first)} and {len(second)} frames, {len(both)} in both")
    wrong = len(first) != len(second) or len(both) != len(first) or not len(both)
    for name in first.select_dtypes("number").columns.difference(keys):
        difference = (both[f"{name}_a"] - both[f"{name}_b"]).astype(float).abs()
        judged = "blur" in name
        share = float((difference > MAY_DIFFER).mean())
        bad = judged and share > 0.02
        wrong |= bad
        if judged or difference.max() > 0:
            print(f"{name:32s} largest difference {difference.max():.4f}{'  TOO LARGE' if bad else ''}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
