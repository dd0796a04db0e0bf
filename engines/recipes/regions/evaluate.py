"""Average precision of the detector on a split, by class and size.

    python -m engines.recipes.regions.evaluate                                     # the shipped engine
    python -m engines.recipes.regions.evaluate --checkpoint .work/regions/run.pt   # weights in training

Protocol: long side 960 px, never enlarged more than twice, padded to a multiple of 32; IoU 0.5; area under
the precision envelope at every recall step (VOC 2010 and later). Sizes are heights in px at that scale. An
ignored box neither rewards nor punishes; hands are scored only where `hands_complete`. For a size class,
objects outside it are ignored, and so are unmatched finds outside it (the COCO way).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from engines.recipes.regions.augment import motion_psf
from engines.recipes.regions.catalogue import CLASSES, Picture, load_split
from engines.recipes.regions.geometry import FACE, HAND
from engines.recipes.regions.model import STRIDES, RegionNet
from qc_plugin.stages.region_decoders import decode_centre_ltrb

LOWEST_HEAT = 0.02  # finds below add nothing to the area but cost time
SIZES = {
    "all": (0.0, 1e9),
    "h<24": (0.0, 24.0),
    "h24-48": (24.0, 48.0),
    "h>=32": (32.0, 1e9),
    "h>=48": (48.0, 1e9),
    "h>=200": (200.0, 1e9),
}
Network = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One picture: objects (boxes at analysis scale, classes, ignore) and finds (n, 6)."""

    picture: Picture
    boxes: np.ndarray
    finds: np.ndarray


def prepare(rgb: np.ndarray, scale: float) -> np.ndarray:
    """(H, W, 3) uint8 -> (1, 3, h, w) float32 in [0, 1], scaled and padded with grey to multiples of 32."""
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=how)
    below, right = (-small.shape[0] % 32, -small.shape[1] % 32)
    padded = cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    return padded.transpose(2, 0, 1)[None].astype(np.float32) / 255


def detect(network: Network, rgb: np.ndarray, scale: float, lowest: float = LOWEST_HEAT) -> np.ndarray:
    """Finds (n, 6) at analysis scale, clipped to the picture."""
    params = {"strides": list(STRIDES), "thresholds": dict.fromkeys(CLASSES, lowest), "nms_iou": 0.5}
    found = decode_centre_ltrb(network(prepare(rgb, scale)), params, CLASSES)[0]
    found[:, 0:4:2] = found[:, 0:4:2].clip(0, rgb.shape[1] * scale)
    found[:, 1:4:2] = found[:, 1:4:2].clip(0, rgb.shape[0] * scale)
    return found


def torch_network(checkpoint: Path) -> Network:
    """The averaged weights of a training run."""
    net = RegionNet()
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    net = net.eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        outputs = net(torch.from_numpy(image).contiguous(memory_format=torch.channels_last))
        maps = {}
        for stride, (logits, sides) in zip(STRIDES, outputs, strict=True):
            maps |= {f"heat_{stride}": logits.sigmoid().numpy(), f"box_{stride}": sides.numpy()}
        return maps

    return run


def onnx_network(engine: str, threads: int) -> Network:
    """A shipped engine, or one in a folder, as the product runs it (OpenVINO, f32)."""
    from qc_plugin.inference.select import open_session
    from qc_plugin.inference.spec import load_spec

    session = open_session(load_spec(engine), backend="openvino", precision="f32", threads=threads)
    return lambda image: session.run({"image": image})


def judge(network: Network, pictures: list[Picture]) -> list[Judged]:
    """Run the network over pictures at the analysis scale."""
    return [Judged(p, p.boxes * p.scale, detect(network, p.rgb(), p.scale)) for p in pictures]


def match(judged: Judged, label: int, size: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, int]:
    """One picture, one class.

    (confidences, hit) of the finds that count, and the number of objects that count.
    """
    mine = judged.picture.classes == label
    boxes, ignored = judged.boxes[mine], judged.picture.ignore[mine]
    heights = boxes[:, 3] - boxes[:, 1]
    ignored = ignored | (heights < size[0]) | (heights >= size[1])
    finds = judged.finds[judged.finds[:, 5] == label]
    inner, area, own_area = _intersections(finds[:, :4], boxes)
    overlap = inner / np.maximum(area[:, None] + own_area[None] - inner, 1e-6)
    covered = inner / np.maximum(area[:, None], 1e-6)  # of the find, for crowd boxes
    taken = np.zeros(len(boxes), bool)
    counts, hits = np.ones(len(finds), bool), np.zeros(len(finds), bool)
    for i in range(len(finds)):
        free = np.where(taken | ignored, 0.0, overlap[i])
        if len(boxes) and free.max() >= 0.5:
            taken[free.argmax()], hits[i] = True, True
            continue
        height = finds[i, 3] - finds[i, 1]
        excused = ignored & (np.maximum(overlap[i], covered[i] * judged.picture.ignore[mine]) >= 0.5)
        counts[i] = not excused.any() and size[0] <= height < size[1]
    return finds[counts, 4], hits[counts], int((~ignored).sum())


def _intersections(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intersection areas (n, m) of xyxy boxes a (n, 4) and b (m, 4), and the areas of both."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return sides.clip(0).prod(-1), (a[:, 2:] - a[:, :2]).prod(-1), (b[:, 2:] - b[:, :2]).prod(-1)


def curve(
    judged: list[Judged], label: int, size: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Confidence, precision and recall after each find, best first, and the number of objects."""
    scored = [j for j in judged if label != HAND or j.picture.hands_complete]
    parts = [match(j, label, size) for j in scored]
    total = sum(n for _, _, n in parts)
    confidence = np.concatenate([c for c, _, _ in parts] or [np.zeros(0)])
    order = np.argsort(-confidence, kind="stable")
    hits = np.concatenate([h for _, h, _ in parts] or [np.zeros(0)])[order].cumsum()
    return confidence[order], hits / np.arange(1, len(hits) + 1), hits / max(total, 1), total


def average_precision(precision: np.ndarray, recall: np.ndarray) -> float:
    """Area under the envelope.

    At each recall the best precision that is still had at that recall or beyond.
    """
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum())


def best_threshold(judged: list[Judged], label: int) -> tuple[float, float]:
    """(confidence, F1) at the best F1 over all sizes."""
    confidence, precision, recall, _ = curve(judged, label, SIZES["all"])
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(confidence[f1.argmax()]), float(f1.max())


def table(judged: list[Judged]) -> dict[str, dict[str, dict[str, float]]]:
    """AP50 and number of objects by class and size."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    for label, name in enumerate(CLASSES):
        result[name] = {}
        for size_name, size in SIZES.items():
            _, precision, recall, total = curve(judged, label, size)
            result[name][size_name] = {
                "ap50": round(average_precision(precision, recall), 4),
                "objects": total,
            }
    return result


def blurred_face_recall(
    network: Network, pictures: list[Picture], thresholds: dict[str, float]
) -> dict[str, dict[str, float]]:
    """Recall of the faces found when sharp, after motion blur (12 and 24 px) of everything, by size."""
    rng = np.random.default_rng(5)
    heights: list[np.ndarray] = []
    found: dict[int, list[np.ndarray]] = {12: [], 24: []}
    for picture in pictures:
        image = prepare(picture.rgb(), picture.scale)[0].transpose(1, 2, 0)
        rgb = np.rint(image * 255).astype(np.uint8)
        faces = (picture.boxes * picture.scale)[(picture.classes == FACE) & ~picture.ignore]
        faces = faces[_found(network, rgb, faces, thresholds["face"])]
        heights.append(faces[:, 3] - faces[:, 1])
        for length in found if len(faces) else ():
            blurred = cv2.filter2D(rgb, -1, motion_psf(length, rng))
            found[length].append(_found(network, blurred, faces, thresholds["face"]))
    high = np.concatenate(heights)
    table: dict[str, dict[str, float]] = {}
    for name in ("all", "h24-48", "h>=48"):
        low, top = SIZES[name]
        chosen = (high >= low) & (high < top)
        recall = {
            f"{length} px": round(float(np.concatenate(f)[chosen].mean()), 4) for length, f in found.items()
        }
        table[name] = recall | {"faces": int(chosen.sum())}
    return table


def _found(network: Network, rgb: np.ndarray, faces: np.ndarray, threshold: float) -> np.ndarray:
    """Which faces (n, 4) a find with IoU of 0.5 or more covers: (n,) bool."""
    finds = detect(network, rgb, 1.0, threshold)
    finds = finds[finds[:, 5] == FACE, :4]
    if len(faces) == 0 or len(finds) == 0:
        return np.zeros(len(faces), bool)
    inner, area, own_area = _intersections(finds, faces)
    return (inner / (area[:, None] + own_area[None] - inner)).max(0) >= 0.5


def result_of(judged: list[Judged]) -> dict[str, Any]:
    """AP50 by class and size, and per class (confidence, F1) at the best F1."""
    cuts = {name: best_threshold(judged, label) for label, name in enumerate(CLASSES)}
    return {"table": table(judged), "thresholds": cuts}


def print_result(result: dict[str, Any]) -> None:
    """The table for people, one line a class."""
    for name, row in result["table"].items():
        cells = "  ".join(f"{size} {cell['ap50']:.3f} ({cell['objects']:.0f})" for size, cell in row.items())
        cut, f1 = result["thresholds"][name]
        print(f"{name:7s} {cells}  best F1 {f1:.3f} at {cut:.3f}")


def main() -> None:
    """Print the table, the best thresholds and, if asked, recall under blur; as text and as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--engine", default="regions")
    parser.add_argument(
        "--split", default="val", choices=["train", "val", "video_frames_train", "video_frames_val"]
    )
    parser.add_argument("--limit", type=int, default=0, help="only every so many pictures that N remain")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blur", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pictures = load_split(args.split)
    pictures = pictures[:: max(1, len(pictures) // args.limit)] if args.limit else pictures
    network = torch_network(args.checkpoint) if args.checkpoint else onnx_network(args.engine, args.threads)
    result = {"split": args.split, "pictures": len(pictures)} | result_of(judge(network, pictures))
    print_result(result)
    if args.blur:
        cuts = {name: cut for name, (cut, _) in result["thresholds"].items()}
        result["blurred_face_recall"] = blurred_face_recall(network, pictures, cuts)
        print("blurred faces still found:", result["blurred_face_recall"])
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
