"""Sharp landscapes under free licences, out of Debian packages: skies, water, sand, snow, cities, flowers.

python -m engines.recipes.motion_blur.landscapes UNPACKED .work/motion_blur/landscapes

UNPACKED holds a folder for each package of `landscapes.csv`: dpkg-deb -x PACKAGE.deb UNPACKED/PACKAGE.
The list leaves out drawings, planets and pictures that do show motion (light trails, water
smeared by a long exposure); one photographer and one package are held out.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import cv2

from engines.recipes.synthesis.sources import LONG_SIDE_PX

LIST = Path(__file__).with_name("landscapes.csv")
SPLITS = ("train", "held_out")


def gather(unpacked: Path, folder: Path) -> dict[str, int]:
    """Write the listed photos at working size into folder/train and folder/held_out; how many in each.

    Raises FileNotFoundError, naming the file, if one of them is not there or cannot be read.
    """
    for split in SPLITS:
        (folder / split).mkdir(parents=True, exist_ok=True)
    rows = list(csv.DictReader(LIST.open()))
    for row in rows:
        bgr = cv2.imread(str(unpacked / row["file"]))
        if bgr is None:
            message = f"{unpacked / row['file']} cannot be read: unpack {row['file'].split('/')[0]} there"
            raise FileNotFoundError(message)
        scale = min(1.0, LONG_SIDE_PX / max(bgr.shape[:2]))
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
        cv2.imwrite(str(folder / row["split"] / _name(row["file"])), small)
    return {split: sum(row["split"] == split for row in rows) for split in SPLITS}


def _name(file: str) -> str:
    """PACKAGE__NAME.png; a wallpaper of many sizes is named by its folder."""
    package, path = file.split("/", maxsplit=1)[0], Path(file.split("/contents/", maxsplit=1)[0])
    return f"{package}__{path.stem}.png"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("unpacked", type=Path)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    print(gather(args.unpacked, args.folder))


if __name__ == "__main__":
    main()
