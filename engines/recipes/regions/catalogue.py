"""Which pictures carry region labels, and a cache of them decoded once.

Labels come in COCO form from `$QC_SHARED_DATA/regions`. Pixels are kept as one uint8 `.npy` per picture under
`.work/regions/cache`, because decoding a JPEG costs more than cutting and warping a training crop out of it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

CLASSES = ("face", "hand", "person")
LONG_SIDE = 960  # the engine's analysis size; every size in this recipe is in pixels at this scale
MAX_UPSCALE = 2.0  # small pictures are never blown up further than this
CACHE_LONG_SIDE = 1280  # larger originals hold no detail that training at LONG_SIDE could use
WORK = Path(os.environ.get("QC_WORK", ".work")) / "regions"
Split = Literal["train", "val", "video_frames_train", "video_frames_val"]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One labelled picture.

    boxes: (n, 4) float32 xyxy px of the *cached* array; classes: (n,) int64 index into CLASSES;
    ignore: (n,) bool, neither object nor background; hands_complete: False where small hands are unlabelled;
    scale: analysis pixels per cached pixel (1.5 means that the picture is enlarged 1.5 times for analysis).
    """

    name: str
    source: str
    kind: str
    pixels: Path
    boxes: np.ndarray
    classes: np.ndarray
    ignore: np.ndarray
    hands_complete: bool
    scale: float

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, mapped from disk: cutting a crop reads only that crop's rows."""
        return np.load(self.pixels, mmap_mode="r")


def shared_data() -> Path:
    """The folder of labelled data: $QC_SHARED_DATA, else ../shared/data."""
    return Path(os.environ.get("QC_SHARED_DATA", "../shared/data"))


def load_split(split: Split) -> list[Picture]:
    """All pictures of one split, decoding those that are not in the cache yet."""
    root = shared_data()
    from_video = split.startswith("video_frames")
    labels = _read_json(root / "regions" / ("labels_video_frames.json" if from_video else "labels.json"))
    wanted = set(_read_json(root / "regions" / "splits.json")[split])
    images = [image for image in labels["images"] if image["file_name"] in wanted]
    by_image: dict[int, list[dict]] = {}
    for annotation in labels["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    if from_video:
        _cache_video_frames(root, images)
    return [_picture(root, image, by_image.get(image["id"], [])) for image in images]


def cache_path(file_name: str) -> Path:
    """Where the decoded pixels of a labelled picture are kept."""
    return WORK / "cache" / (file_name.replace("/", "__") + ".npy")


def _read_json(path: Path) -> dict:
    with path.open(encoding="utf-8") as handle:
        return json.load(handle)


def _picture(root: Path, image: dict, annotations: list[dict]) -> Picture:
    pixels = cache_path(image["file_name"])
    if not pixels.exists():
        _store(pixels, _read_rgb(root / image["file_name"], image))
    height, width = np.load(pixels, mmap_mode="r").shape[:2]
    xywh = np.array([a["bbox"] for a in annotations], np.float32).reshape(-1, 4)
    boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    boxes *= np.float32(width / image["width"])
    return Picture(
        name=image["file_name"],
        source=image["source"],
        kind=image["kind"],
        pixels=pixels,
        boxes=boxes,
        classes=np.array([a["category_id"] - 1 for a in annotations], np.int64),
        ignore=np.array([bool(a["ignore"]) for a in annotations], bool),
        hands_complete=bool(image["hands_complete"]),
        scale=analysis_scale(height, width),
    )


def analysis_scale(height: int, width: int) -> float:
    """Factor that brings a picture to the analysis size.

    Long side LONG_SIDE, upscaled MAX_UPSCALE at most.
    """
    return min(LONG_SIDE / max(height, width), MAX_UPSCALE)


def _read_rgb(path: Path, image: dict) -> np.ndarray:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)  # applies EXIF orientation, as the labels did
    if bgr is None:
        raise FileNotFoundError(f"cannot read labelled picture {path}")
    if bgr.shape[:2] != (image["height"], image["width"]):
        raise ValueError(f"{path}: labels say {image['width']}x{image['height']}, file is {bgr.shape[1::-1]}")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _store(pixels: Path, rgb: np.ndarray) -> None:
    factor = CACHE_LONG_SIDE / max(rgb.shape[:2])
    if factor < 1:
        size = (round(rgb.shape[1] * factor), round(rgb.shape[0] * factor))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    pixels.parent.mkdir(parents=True, exist_ok=True)
    partial = pixels.with_suffix(".partial.npy")
    np.save(partial, np.ascontiguousarray(rgb))
    partial.rename(pixels)  # a killed run never leaves half a picture under the final name


def _cache_video_frames(root: Path, images: list[dict]) -> None:
    """Decode each clip once and keep the labelled frames (frame_index counts in decode order)."""
    import av

    missing: dict[str, dict[int, dict]] = {}
    for image in images:
        if not cache_path(image["file_name"]).exists():
            missing.setdefault(image["video"], {})[image["frame_index"]] = image
    for clip, frames in missing.items():
        with av.open(str(root / clip)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index in frames:
                    image = frames[index]
                    size = (image["width"], image["height"])
                    rgb = cv2.resize(frame.to_ndarray(format="rgb24"), size, interpolation=cv2.INTER_AREA)
                    _store(cache_path(image["file_name"]), rgb)
