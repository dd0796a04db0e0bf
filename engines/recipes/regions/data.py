"""Endless training batches, and a picture of them to look at before a long run.

python -m engines.recipes.regions.data --out .work/regions/samples.png
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.recipes.regions.augment import blur, degrade, paste_objects, relight
from engines.recipes.regions.catalogue import Picture, load_split
from engines.recipes.regions.geometry import HAND, PERSON, View, cut_view, mosaic

if TYPE_CHECKING:
    from collections.abc import Iterator

COLOURS = ((255, 60, 60), (60, 255, 60), (80, 140, 255))  # face, hand, person
# (crop side, crops a batch): the same number of pixels each, so a step costs the same
SHAPES = ((320, 12), (448, 6), (640, 3))
SHAPE_ODDS = (0.3, 0.2, 0.5)  # small crops for pace; large ones, or full-frame objects are never learned


@dataclass(slots=True, eq=False)
class Batch:
    """rgb (N, S, S, 3) uint8.

    Per sample boxes (n, 4) float32 px, classes (n,), ignore (n,); hands_known (N, S/8, S/8).
    """

    rgb: np.ndarray
    boxes: list[np.ndarray]
    classes: list[np.ndarray]
    ignore: list[np.ndarray]
    hands_known: np.ndarray


class ViewSource:
    """Draws augmented views from labelled pictures."""

    def __init__(self, pictures: list[Picture], seed: int) -> None:
        self.pictures = pictures
        self.rng = np.random.default_rng(seed)
        odds = np.array([_draw_weight(p) for p in pictures])
        self.odds = odds / odds.sum()
        self.bank = _object_bank(pictures)

    def draw(self, size: int) -> View:
        """One augmented view, `size` px square."""
        rng = self.rng
        if rng.random() < 0.25 and size >= 320:
            view = mosaic([self._plain(size // 2) for _ in range(4)], size)
        else:
            view = self._plain(size)
        if rng.random() < 0.3:
            paste_objects(view, self.bank, rng)
        if rng.random() < 0.5:  # smeared faces and hands are what is looked for
            blur(view, rng)
        view.rgb = degrade(relight(view.rgb, rng), rng)
        return view

    def batches(self) -> Iterator[Batch]:
        """Endless batches of the sizes in SHAPES."""
        while True:
            size, count = SHAPES[self.rng.choice(len(SHAPES), p=SHAPE_ODDS)]
            views = [self.draw(size) for _ in range(count)]
            yield Batch(
                np.stack([v.rgb for v in views]),
                [v.boxes for v in views],
                [v.classes for v in views],
                [v.ignore for v in views],
                np.stack([v.hands_known for v in views]),
            )

    def _plain(self, size: int) -> View:
        picture = self.pictures[self.rng.choice(len(self.pictures), p=self.odds)]
        return cut_view(picture, self.rng, size)


def training_pictures() -> list[Picture]:
    """Everything that may be trained on: the train side of the photos and of the video frames."""
    return load_split("train") + load_split("video_frames_train")


def _draw_weight(picture: Picture) -> float:
    """Neighbouring video frames repeat each other and negatives teach little; hands are what is short."""
    weight = {"frame": 0.4, "frame-by-reference": 0.25, "negative": 0.5}.get(picture.kind, 1.0)
    has_hand = bool(((picture.classes == HAND) & ~picture.ignore).any())
    return weight * (2.0 if has_hand and picture.hands_complete else 1.0)


def _object_bank(pictures: list[Picture]) -> list[tuple[np.ndarray, int]]:
    """Patches of well visible faces and hands with a margin of a quarter of the object, for paste_objects."""
    bank = []
    for picture in pictures:
        rgb = picture.rgb()
        limits = np.array(rgb.shape[1::-1])
        for box, label, ignored in zip(picture.boxes, picture.classes, picture.ignore, strict=True):
            sides = box[2:] - box[:2]
            start, stop = (box[:2] - sides / 4).round().astype(int), (box[2:] + sides / 4).round().astype(int)
            whole = (start >= 0).all() and (stop <= limits).all()
            if label == PERSON or ignored or sides.min() < 28 or not whole:
                continue
            patch = np.array(rgb[start[1] : stop[1], start[0] : stop[0]])
            shrink = 240 / max(patch.shape[:2])
            if shrink < 1:
                patch = cv2.resize(patch, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            # hands are three times rarer than faces: list them more often
            bank += [(patch, int(label))] * (3 if label == HAND else 1)
    return bank


def draw_boxes(rgb: np.ndarray, boxes: np.ndarray, classes: np.ndarray, ignore: np.ndarray) -> np.ndarray:
    """A copy with boxes in class colours; ignored ones are thin and grey."""
    canvas = np.array(rgb, order="C")
    for box, label, ignored in zip(boxes, classes, ignore, strict=True):
        (x0, y0, x1, y1), colour = (
            box.round().astype(int),
            (160, 160, 160) if ignored else COLOURS[int(label)],
        )
        cv2.rectangle(canvas, (int(x0), int(y0)), (int(x1), int(y1)), colour, 1 if ignored else 2)
    return canvas


def main() -> None:
    """Write a contact sheet of training views."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(".work/regions/samples.png"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    source = ViewSource(training_pictures(), args.seed)
    views = [source.draw(320) for _ in range(20)]
    tiles = [draw_boxes(v.rgb, v.boxes, v.classes, v.ignore) for v in views]
    sheet = np.concatenate([np.concatenate(tiles[i : i + 5], 1) for i in range(0, 20, 5)], 0)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
