"""Sharp photos to make blur from: packed once at working size, split by source.

python -m engines.recipes.synthesis.sources --pack .work/motion_blur/pack

A pack is a few folders of JPEG photos and PNG label maps, small enough to travel to another machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

WORK = Path(os.environ.get("QC_WORK", ".work")) / "motion_blur"
LONG_SIDE_PX = 960  # views are taken at 480-1000 px long side: nothing finer is ever used
SHARD_BYTES = 14 * 2**20  # a shard travels in one piece
N_SEGMENTS = 7
PARTS = {"person": 1, "face": 2, "hair": 3, "hand": 4}  # values in parts/


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One sharp photo at working size.

    rgb (3, H, W) uint8; matte (H, W) uint8 or None: person, soft; parts (H, W) uint8 or None: see `PARTS`;
    segments (h, w) uint8 at about 160 px: regions whose borders follow picture edges.
    """

    name: str
    rgb: Tensor
    matte: Tensor | None
    parts: Tensor | None
    segments: Tensor


def shared_data() -> Path:
    """The folder of photos: $QC_SHARED_DATA, else ../shared/data."""
    return Path(os.environ.get("QC_SHARED_DATA", "../shared/data"))


def split_names(data: Path) -> dict[str, list[str]]:
    """Photo paths by split, whole sources on one side only. Video frames are left out: some are blurred."""
    listed = json.loads((data / "regions" / "splits.json").read_text())
    is_photo = lambda name: not name.startswith("regions/frames")  # noqa: E731
    splits = {side: [n for n in listed[side] if is_photo(n)] for side in ("train", "val")}
    known = set(splits["train"]) | set(splits["val"])
    rows = list(csv.DictReader((data / "train" / "MANIFEST.csv").open()))
    held_out = {r["source_repo"] for r in rows if f"train/{r['file']}" in set(splits["val"])}
    for row in rows:
        name = f"train/{row['file']}"
        if name not in known:  # photos without region labels: the side of their source
            splits["val" if row["source_repo"] in held_out else "train"].append(name)
    return {side: sorted(names) for side, names in splits.items()}


def segment(rgb: np.ndarray, seed: int) -> np.ndarray:
    """k-means in colour and position at about 160 px: (h, w) uint8 labels."""
    scale = 160 / max(rgb.shape[:2])
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 1.2)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32).reshape(-1, 3)
    y, x = np.mgrid[: small.shape[0], : small.shape[1]].astype(np.float32)
    features = np.hstack([lab, np.stack([x, y], -1).reshape(-1, 2) * 0.7])
    cv2.setRNGSeed(seed)
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 8, 1.0)
    _, labels, _ = cv2.kmeans(features, N_SEGMENTS, None, criteria, 1, cv2.KMEANS_PP_CENTERS)
    return labels.reshape(small.shape[:2]).astype(np.uint8)


def listed_photos(data: Path, more: Path | None = None) -> list[tuple[str, str, Path]]:
    """(split, name, file) of every photo; those of the folder `more` are trained on."""
    further = sorted(more.iterdir()) if more else []
    own = [(split, name, data / name) for split, names in split_names(data).items() for name in names]
    return own + [("train", f"more/{file.name}", file) for file in further]


def pack(photos: list[tuple[str, str, Path]], data: Path, folder: Path, *, quality: int = 93) -> int:
    """Write photos, as `listed_photos` gives them, into `folder`; returns how many could be read."""
    index, shard, size = [], 0, 0
    for split, name, file in photos:
        written = _pack_one(data, name, file, folder / str(shard), quality)
        if written is None:
            continue
        index.append({"name": name, "split": split, "shard": shard})
        size += written
        if size > SHARD_BYTES:
            shard, size = shard + 1, 0
    (folder / "index.json").write_text(json.dumps(index, indent=0))
    return len(index)


def _pack_one(data: Path, name: str, file: Path, folder: Path, quality: int) -> int | None:
    """Photo, matte, parts and segments at working size; bytes written, or None if it cannot be read."""
    bgr = cv2.imread(str(file))
    if bgr is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    scale = min(1.0, LONG_SIDE_PX / max(bgr.shape[:2]))
    bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else bgr
    stem = folder / name.replace("/", "__").rsplit(".", 1)[0]
    files = [(f"{stem}.jpg", bgr), (f"{stem}.seg.png", segment(bgr[..., ::-1].copy(), seed=1))]
    for kind, way in (("masks", cv2.INTER_AREA), ("parts", cv2.INTER_NEAREST)):
        path = data / "train" / kind / f"{Path(name).stem}.png"
        if name.startswith("train/") and path.exists():
            label = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            files.append((f"{stem}.{kind}.png", cv2.resize(label, bgr.shape[1::-1], interpolation=way)))
    for path, picture in files:
        cv2.imwrite(path, picture, [cv2.IMWRITE_JPEG_QUALITY, quality] if path.endswith(".jpg") else [])
    return sum(Path(path).stat().st_size for path, _ in files)


def load_photos(folder: Path, split: str, *, limit: int | None = None, device: str = "cpu") -> list[Photo]:
    """The packed photos of one split, decoded."""
    entries = [e for e in json.loads((folder / "index.json").read_text()) if e["split"] == split]
    return [_load(folder, e["name"], e["shard"], device) for e in entries[:limit]]


def _load(folder: Path, name: str, shard: int, device: str) -> Photo:
    stem = folder / str(shard) / name.replace("/", "__").rsplit(".", 1)[0]

    def grey(kind: str) -> Tensor | None:
        label = (
            cv2.imread(f"{stem}.{kind}.png", cv2.IMREAD_GRAYSCALE)
            if Path(f"{stem}.{kind}.png").exists()
            else None
        )
        return None if label is None else torch.from_numpy(label).to(device)

    rgb = cv2.cvtColor(cv2.imread(f"{stem}.jpg"), cv2.COLOR_BGR2RGB)
    pixels = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).to(device)
    segments = grey("seg")
    assert segments is not None  # every packed photo has them
    return Photo(name, pixels, grey("masks"), grey("parts"), segments)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=WORK / "pack")
    parser.add_argument("--data", type=Path, default=shared_data())
    parser.add_argument("--more", type=Path, help="folder of further sharp photos to train on (`landscapes`)")
    parser.add_argument("--quality", type=int, default=93, help="JPEG; 85 packs into 70 MB for a journey")
    args = parser.parse_args()
    photos = listed_photos(args.data, args.more)
    print(f"{pack(photos, args.data, args.pack, quality=args.quality)} photos in {args.pack}")


if __name__ == "__main__":
    main()
