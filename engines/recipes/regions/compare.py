"""What others find on the same pictures, by the same protocol.

    python -m engines.recipes.regions.compare                                   # Haar and YuNet, faces
    python -m engines.recipes.regions.compare --engine mediapipe_face --engine mediapipe_palm

OpenCV's Haar cascade, YuNet, which made the labels, and any engine under contract (as the product runs it,
f32, on the picture at analysis scale). YuNet's row is no rival: its own boxes are most of the truth. It says
how far the protocol itself allows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from engines.recipes.regions.catalogue import CLASSES, Picture, load_split, shared_data
from engines.recipes.regions.evaluate import LOWEST_HEAT, SIZES, Judged, average_precision, curve
from engines.recipes.regions.geometry import FACE
from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import EngineSpec, load_spec
from qc_plugin.stages.regions import RegionDetector

Finder = Callable[[np.ndarray], np.ndarray]


def haar_finder() -> Finder:
    """The cascade that ships in OpenCV's wheel; confidence is the weight of its last stage."""
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"))

    def find(rgb: np.ndarray) -> np.ndarray:
        grey = cv2.equalizeHist(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
        boxes, _, weights = cascade.detectMultiScale3(grey, 1.1, 3, minSize=(14, 14), outputRejectLevels=True)
        return _rows([(*box, weight) for box, weight in zip(boxes, np.ravel(weights), strict=True)])

    return find


def yunet_finder() -> Finder:
    """The teacher of the face labels."""
    model = shared_data() / "weights" / "yunet_n_640_640.onnx"

    def find(rgb: np.ndarray) -> np.ndarray:
        detector = cv2.FaceDetectorYN.create(str(model), "", rgb.shape[1::-1], 0.1, 0.5, 5000)
        found = detector.detect(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1]
        return _rows([] if found is None else [(*row[:4], row[14]) for row in found])

    return find


def _rows(found: list[tuple[float, ...]]) -> np.ndarray:
    """x, y, width, height, confidence -> (n, 6) finds of class face, best first."""
    array = np.array(found, np.float32).reshape(-1, 5)
    rows = np.column_stack(
        [array[:, :2], array[:, :2] + array[:, 2:4], array[:, 4], np.full(len(array), FACE)]
    )
    return rows[np.argsort(-rows[:, 4], kind="stable")]


def engine_finder(spec: EngineSpec) -> Finder:
    """Any engine under contract; all that it thinks possible is kept, for the area under the curve."""
    spec.params["thresholds"] = dict.fromkeys(spec.classes, LOWEST_HEAT)
    detector = RegionDetector(open_session(spec, backend="openvino", precision="f32", threads=1))

    def find(rgb: np.ndarray) -> np.ndarray:
        found = [(*r.box_xyxy, r.confidence, CLASSES.index(r.kind)) for r in detector(rgb)]
        return np.array(found, np.float32).reshape(-1, 6)

    return find


def judge_with(find: Finder, pictures: list[Picture]) -> list[Judged]:
    """Every picture at analysis scale, looked at."""
    judged = []
    for picture in pictures:
        how = cv2.INTER_AREA if picture.scale < 1 else cv2.INTER_LINEAR
        rgb = cv2.resize(np.array(picture.rgb()), None, fx=picture.scale, fy=picture.scale, interpolation=how)
        judged.append(Judged(picture, picture.boxes * picture.scale, find(rgb)))
    return judged


def main() -> None:
    """Print AP50 by size for each finder and each class that it knows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", default="val", choices=["val", "video_frames_val"])
    parser.add_argument("--engine", action="append", default=[], help="name or folder, in place of the two")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    finders: dict[str, tuple[Finder, tuple[str, ...]]] = {}
    for name in args.engine:
        spec = load_spec(name)
        finders[spec.name] = (engine_finder(spec), spec.classes)
    if not finders:
        finders = {"haar": (haar_finder(), ("face",)), "yunet (teacher)": (yunet_finder(), ("face",))}
    pictures = load_split(args.split)
    for name, (find, kinds) in finders.items():
        judged = judge_with(find, pictures)
        for kind in kinds:
            cells = []
            for size_name, size in SIZES.items():
                _, precision, recall, total = curve(judged, CLASSES.index(kind), size)
                cells.append(f"{size_name} {average_precision(precision, recall):.3f} ({total})")
            print(f"{name:16s}", f"{kind:6s}", "  ".join(cells))


if __name__ == "__main__":
    main()
