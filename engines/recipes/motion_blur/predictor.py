"""One picture in, three maps out, from a checkpoint (torch) or from the exported engine (OpenVINO).

Evaluation runs the exported file where it can: what is measured is what ships.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import torch

from qc_plugin.inference import runtimes
from qc_plugin.signals.context import judge_by_the_rest

from .checkpoint import load_network
from .model import SIZE_MULTIPLE, STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG_SIDE_PX = 512  # analysis scale: more accurate on dev-cuhk than 640, at 0.64 of the cost (CARD.md)
PRIOR = 0.39  # share of blur, by evidence, of the full mixture and of the validation set
ThreeMaps = tuple[np.ndarray, np.ndarray, np.ndarray]


class Run(Protocol):
    """A network and what the product makes of its answer."""

    def __call__(self, image: np.ndarray, shown: tuple[int, int] | None = None) -> ThreeMaps:
        """(1, 3, H, W) -> probability, intensity, evidence (1, 1, h, w); `shown`: h, w without padding."""


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """Probability, intensity and evidence, each (H, W) float32 in [0, 1] at the picture's size."""

    probability: np.ndarray
    intensity: np.ndarray
    evidence: np.ndarray


def open_runner(path: Path, *, n_threads: int = 2, prior: float | None = PRIOR) -> Run:
    """A function that runs the network at `path`: .onnx by OpenVINO in fp32, .pt or .npz by torch.

    With a `prior`, cells that lack evidence are judged by the rest of their picture, as in the product.
    """
    infer = _onnx_runner(path, n_threads) if path.suffix == ".onnx" else _torch_runner(path, n_threads)

    def run(image: np.ndarray, shown: tuple[int, int] | None = None) -> ThreeMaps:
        maps = infer(image)
        rows, columns = shown or maps[0].shape[2:]
        probability, intensity, evidence = (m[:, :, :rows, :columns] for m in maps)
        if prior is not None:
            judged = judge_by_the_rest(probability[0, 0], evidence[0, 0], prior)
            probability = judged[None, None]
        return probability, intensity, evidence

    return run


def _onnx_runner(path: Path, n_threads: int) -> Callable[[np.ndarray], ThreeMaps]:
    openvino = runtimes.openvino()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": n_threads}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()

    def infer(image: np.ndarray) -> ThreeMaps:
        request.infer({"image": image})
        return tuple(
            request.get_tensor(name).data.copy() for name in ("probability", "intensity", "evidence")
        )

    return infer


def _torch_runner(path: Path, n_threads: int) -> Callable[[np.ndarray], ThreeMaps]:
    torch.set_num_threads(n_threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = load_network(path).to(device, memory_format=torch.channels_last)

    def infer(image: np.ndarray) -> ThreeMaps:
        with torch.inference_mode():
            out = network(torch.from_numpy(image).to(device))
            logits = (out.probability + out.shift, out.intensity, out.evidence)
            return tuple(torch.sigmoid(m).cpu().numpy() for m in logits)

    return infer


def predict(run: Run, rgb: np.ndarray, *, long_side_px: int | None = None) -> Maps:
    """(H, W, 3) uint8 RGB -> maps at the same size; `long_side_px` first reduces to analysis scale."""
    height, width = rgb.shape[:2]
    scale = min(1.0, long_side_px / max(height, width)) if long_side_px else 1.0
    if scale < 1:
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    h, w = rgb.shape[:2]
    padded = cv2.copyMakeBorder(rgb, 0, -h % SIZE_MULTIPLE, 0, -w % SIZE_MULTIPLE, cv2.BORDER_REFLECT_101)
    image = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    maps = run(image, shown=(-(-h // STRIDE), -(-w // STRIDE)))
    return Maps(*(_enlarge(m[0, 0], (h, w), (height, width)) for m in maps))


def _enlarge(cells: np.ndarray, unpadded: tuple[int, int], wanted: tuple[int, int]) -> np.ndarray:
    """Map at stride 4 -> picture size, padding cut off."""
    full = cv2.resize(cells, None, fx=STRIDE, fy=STRIDE, interpolation=cv2.INTER_LINEAR)[
        : unpadded[0], : unpadded[1]
    ]
    return full if full.shape == wanted else cv2.resize(full, wanted[::-1], interpolation=cv2.INTER_LINEAR)
