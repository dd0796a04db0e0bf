"""COCO: boxes and run-length masks as one JSON file, as pycocotools, CVAT and FiftyOne read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from qc_plugin.errors import UsageError
from qc_plugin.exchange.labels import (
    BLUR,
    KINDS,
    LabelBox,
    LabelFrame,
    Labels,
    clipped,
    enlarge,
    index_in,
    kind_of,
    reduce,
)
from qc_plugin.rle import decode, encode
from qc_plugin.types import Rle

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CATEGORIES = (*KINDS, BLUR)


def write_coco(labels: Labels) -> str:
    """`labels` as COCO JSON. Masks are enlarged to the frame: COCO wants them at the picture's size."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for n, frame in enumerate(labels.frames, 1):
        images.append(
            {
                "id": n,
                "file_name": frame.name,
                "width": labels.width_px,
                "height": labels.height_px,
                "qc_frame_index": frame.frame_index,
                "qc_asset_id": labels.asset_id,
            }
        )
        for made in (*(_region(box) for box in frame.boxes), *_blur(frame, labels)):
            annotations.append({"id": len(annotations) + 1, "image_id": n, **made})
    categories = [{"id": n, "name": name} for n, name in enumerate(_CATEGORIES, 1)]
    content = {"info": {"description": "qc-plugin report"}, "images": images, "categories": categories}
    return json.dumps(content | {"annotations": annotations}) + "\n"


def read_coco(text: str, labels: Labels, size: tuple[int, int]) -> Labels:
    """Labels in COCO JSON for the frames of `labels`; masks at `size` (h, w). Raises UsageError."""
    try:
        data = json.loads(text)
        names = {c["id"]: c["name"] for c in data["categories"]}
        frames = {i["id"]: _index(i) for i in data["images"]}
        found: dict[int, list[dict[str, Any]]] = {n: [] for n in frames.values()}
        for each in data["annotations"]:
            found[frames[each["image_id"]]].append(each)
        return Labels(
            labels.asset_id,
            labels.width_px,
            labels.height_px,
            tuple(_frame(index, made, names, labels, size) for index, made in found.items()),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise UsageError(f"not COCO as we can read it ({what}); export it as COCO 1.0") from error


def _region(box: LabelBox) -> dict[str, Any]:
    x0, y0, x1, y1 = box.box_xyxy
    return {
        "category_id": _CATEGORIES.index(box.kind) + 1,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "segmentation": [],
        "iscrowd": 0,
        "score": box.confidence,
        "attributes": {"track_id": box.track},
    }


def _blur(frame: LabelFrame, labels: Labels) -> list[dict[str, Any]]:
    if frame.mask is None:
        return []
    mask = enlarge(frame.mask, labels.height_px, labels.width_px)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return []
    x, y = int(columns[0]), int(rows[0])
    return [
        {
            "category_id": len(_CATEGORIES),
            "bbox": [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y],
            "area": int(mask.sum()),
            "segmentation": {"size": [labels.height_px, labels.width_px], "counts": encode(mask).counts},
            "iscrowd": 1,  # COCO: a mask in run lengths
        }
    ]


def _index(image: dict[str, Any]) -> int:
    """Tools drop keys they do not know, but keep the picture's name."""
    index = image.get("qc_frame_index")
    return int(index) if index is not None else index_in(str(image["file_name"]))


def _frame(
    index: int, made: list[dict[str, Any]], names: dict[Any, str], labels: Labels, size: tuple[int, int]
) -> LabelFrame:
    boxes, mask = [], np.zeros((labels.height_px, labels.width_px), bool)
    for each in made:
        name = names[each["category_id"]]
        if name.lower() == BLUR:
            mask |= _mask(each["segmentation"], mask.shape)
            continue
        x, y, width, height = (float(v) for v in each["bbox"])
        box = clipped((x, y, x + width, y + height), labels.width_px, labels.height_px)
        track = (each.get("attributes") or {}).get("track_id")
        boxes.append(LabelBox(kind_of(name), box, None if track is None else int(track), each.get("score")))
    return LabelFrame(index, "", tuple(boxes), reduce(mask, size))


def _mask(segmentation: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask from run lengths, compressed or not, or from polygons."""
    if isinstance(segmentation, list):
        canvas = np.zeros(shape, np.uint8)
        points = [
            np.asarray(ring, np.float64).reshape(-1, 2).round().astype(np.int32) for ring in segmentation
        ]
        cv2.fillPoly(canvas, points, 1)
        return canvas.astype(bool)
    height, width = (int(v) for v in segmentation["size"])
    if (height, width) != shape:
        raise ValueError(f"a mask of {width}x{height} px for a frame of {shape[1]}x{shape[0]}")
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return decode(Rle(height, width, counts))
    runs = np.asarray(counts, np.int64)
    if runs.size and (runs.min() < 0 or int(runs.sum()) != height * width):
        raise ValueError("runs do not fill the mask")
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape((height, width), order="F")
