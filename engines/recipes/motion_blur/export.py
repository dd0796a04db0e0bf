"""Write the engine: trained weights -> engines/motion_blur/model.onnx and engine.yaml.

python -m engines.recipes.motion_blur.export --weights .work/motion_blur/best.pt --version 0.2.0
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import numpy as np
import onnx
import torch
import yaml
from torch import Tensor, nn

from engines.recipes import onnx_file

from .checkpoint import load_network
from .model import EXTENT_FULL_SCALE_PX, SIZE_MULTIPLE, STRIDE, Segmenter
from .predictor import LONG_SIDE_PX, PRIOR

ENGINE_DIR = Path(__file__).parents[2] / "motion_blur"
TOLERANCE = 1e-4  # of a probability, torch against onnxruntime in fp32
OUTPUTS = {
    "probability": "probability that the pixel is motion-blurred",
    "intensity": f"blur extent / {EXTENT_FULL_SCALE_PX:g} px at analysis scale, clipped to 1",
    "evidence": "how far blur could be seen here at all: near 0 on flat skin, plain cloth, sky",
}


class EngineGraph(nn.Module):
    """What the engine computes: BatchNorm folded, sigmoids inside, three maps at stride 4 in [0, 1]."""

    def __init__(self, network: Segmenter) -> None:
        super().__init__()
        self.network = onnx_file.fold_norms(copy.deepcopy(network).eval(), half=True)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probability, intensity, evidence, each (N, 1, H/4, W/4)."""
        fine, _, pooled = self.network.features(image)  # no coarse head: it only helps training
        mask_and_extent, evidence = self.network.head(fine), self.network.evidence(fine)
        _, shift = self.network.picture(pooled, fine, evidence)
        probability = torch.sigmoid(mask_and_extent[:, :1] + shift)
        return probability, torch.sigmoid(mask_and_extent[:, 1:]), torch.sigmoid(evidence)


def traced(graph: EngineGraph) -> onnx.ModelProto:
    """The ONNX graph with dynamic batch, height and width."""
    batch, height, width = (torch.export.Dim(name) for name in ("batch", "height_64", "width_64"))
    axes = {0: batch, 2: SIZE_MULTIPLE * height, 3: SIZE_MULTIPLE * width}
    model = onnx_file.trace(graph, {"image": torch.rand(2, 3, 128, 192)}, list(OUTPUTS), {"image": axes})
    return onnx_file.name_axes(model, (1, *(STRIDE for _ in OUTPUTS)))


def max_difference(graph: EngineGraph, path: Path) -> float:
    """Largest absolute difference of any output between torch and onnxruntime, over three shapes."""
    session = onnx_file.open_session(path)
    worst = 0.0
    generator = torch.Generator().manual_seed(0)
    for shape in ((1, 3, 64, 64), (2, 3, 128, 320), (1, 3, 384, 640)):
        image = torch.rand(shape, generator=generator)
        with torch.no_grad():
            expected = graph(image)
        for wanted, got in zip(expected, session.run(list(OUTPUTS), {"image": image.numpy()}), strict=True):
            worst = max(worst, float(np.abs(wanted.numpy() - got).max()))
    return worst


def contract(model_path: Path, *, version: str, threshold: float, evidence_floor: float) -> dict[str, object]:
    """engine.yaml as a value: what the runtime must know to run and read this engine."""
    return {
        "schema": 1,
        "name": "motion_blur",
        "version": version,
        "task": "motion_blur",
        "licence": "Apache-2.0",
        "model": onnx_file.digest(model_path) | {"opset": onnx_file.OPSET},
        "inputs": [
            {"name": "image", "layout": "NCHW", "dtype": "float32", "colour": "RGB", "range": [0.0, 1.0]}
        ],
        "outputs": [
            {"name": name, "layout": "NCHW", "dtype": "float32", "meaning": meaning}
            for name, meaning in OUTPUTS.items()
        ],
        "size": {
            "multiple": SIZE_MULTIPLE,
            "min": SIZE_MULTIPLE,
            "max": 4096,
            "long_side": LONG_SIDE_PX,
        },
        "classes": [],
        "decoder": "blur_maps",
        "params": {
            "stride": STRIDE,
            "threshold": threshold,
            "evidence_floor": evidence_floor,
            "prior": PRIOR,
            "extent_full_scale_px": int(EXTENT_FULL_SCALE_PX),
        },
    }


def export(weights: Path, folder: Path, *, version: str, threshold: float, evidence_floor: float) -> float:
    """Write model.onnx and engine.yaml into `folder`; returns the difference to torch."""
    graph = EngineGraph(load_network(weights)).eval()
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "model.partial.onnx"
    onnx.save(onnx_file.halve_weights(traced(graph)), partial)
    difference = max_difference(graph, partial)
    if difference > TOLERANCE:
        message = (
            f"exported graph differs from torch by {difference:.2e}, allowed {TOLERANCE:.0e}: {partial} kept"
        )
        raise RuntimeError(message)
    model_path = partial.replace(folder / "model.onnx")
    text = contract(model_path, version=version, threshold=threshold, evidence_floor=evidence_floor)
    (folder / "engine.yaml").write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True, width=110))
    return difference


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--weights", type=Path, required=True, help="checkpoint (.pt) or the first sketch (.npz)"
    )
    parser.add_argument("--out", type=Path, default=ENGINE_DIR)
    parser.add_argument("--version", required=True)
    parser.add_argument("--threshold", type=float, required=True, help="frozen on synthetic validation")
    parser.add_argument("--evidence-floor", type=float, required=True, help="frozen on synthetic validation")
    args = parser.parse_args()
    difference = export(
        args.weights,
        args.out,
        version=args.version,
        threshold=args.threshold,
        evidence_floor=args.evidence_floor,
    )
    size = (args.out / "model.onnx").stat().st_size / 1e6
    print(f"{args.out}: {size:.1f} MB, largest difference to torch {difference:.1e}")


if __name__ == "__main__":
    main()
