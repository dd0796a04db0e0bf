"""Of the regions that a rule would send to repair, how many does the segmenter pass afterwards?

python -m engines.recipes.deblur.evaluate_repair --set .work/deblur/val

Regions are boxes of 96 px on the pictures of a set in which something truly moved. The shipped engines look,
repair and look again, through the measures that rules see. A box is borderline when the segmenter measures a
coverage of 0.04 to 0.15 in it; it passes when it measures less than 0.04 afterwards.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qc_plugin.scoring.blur import region_blur
from qc_plugin.stages.deblur import LocalDeblurrer
from qc_plugin.stages.segment import BlurSegmenter

from .data import PairSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from qc_plugin.types import Box

    from .data import Pairs

PASSES, FAILS = 0.04, 0.15
SIDE_PX, STEP_PX = 96, 48
LEAST_MOVED = 0.02  # of a box: less is no repair's business


@dataclass(frozen=True, slots=True)
class Repaired:
    """One borderline box: blur coverage before and after, mean squared error to the still picture."""

    before: float
    after: float
    error_before: float
    error_after: float


def boxes(side_px: int) -> Iterator[Box]:
    """All boxes of a square picture."""
    for y in range(0, side_px - SIDE_PX + 1, STEP_PX):
        for x in range(0, side_px - SIDE_PX + 1, STEP_PX):
            yield (float(x), float(y), float(x + SIDE_PX), float(y + SIDE_PX))


def repair_all(segmenter: BlurSegmenter, deblurrer: LocalDeblurrer, pairs: Pairs) -> list[Repaired]:
    """The borderline boxes of one picture, each repaired for itself."""
    moved, still = (_bytes(p) for p in (pairs.moved, pairs.still))
    truly, seen, made = pairs.blurred[0, 0].numpy(), segmenter(moved), []
    for box in boxes(moved.shape[0]):
        x0, y0, x1, y1 = (int(side) for side in box)
        before = region_blur(seen, box)[0].get("blur_coverage")
        if before is None or not PASSES <= before <= FAILS or truly[y0:y1, x0:x1].mean() < LEAST_MOVED:
            continue
        patched = deblurrer.repair(moved, [box]).rgb
        after = region_blur(segmenter(patched), box)[0].get("blur_coverage", 1.0)
        wanted = still[y0:y1, x0:x1].astype(float)
        errors = (float(np.square(p[y0:y1, x0:x1] - wanted).mean()) for p in (moved, patched))
        made.append(Repaired(before, after, *errors))
    return made


def _bytes(picture: object) -> NDArray[np.uint8]:
    array = (picture[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()  # type: ignore[index]
    return np.ascontiguousarray(array)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    stored, found = PairSet(args.set), []
    segmenter, deblurrer = BlurSegmenter.load(threads=args.threads), LocalDeblurrer.load(threads=args.threads)
    for i in range(stored.count):
        found += repair_all(segmenter, deblurrer, stored.read([i]))
    passed = [r for r in found if r.after < PASSES]
    nearer = [r for r in found if r.error_after < r.error_before]
    falls = np.mean([1 - r.after / r.before for r in found]) if found else 0.0
    print(f"borderline regions {len(found)} of {stored.count} pictures")
    print(f"pass after repair {100 * len(passed) / max(len(found), 1):.1f} %")
    print(f"nearer to the still picture {100 * len(nearer) / max(len(found), 1):.1f} %")
    print(f"coverage falls by {100 * falls:.1f} % on average")


if __name__ == "__main__":
    main()
