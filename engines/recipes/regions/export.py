"""Write the engine: averaged weights -> engines/regions/model.onnx and engine.yaml.

    python -m engines.recipes.regions.export --checkpoint .work/regions/run.pt --version 0.1.0

BatchNorm is folded, sigmoid and normalisation are in the graph: RGB in [0, 1] goes in, heat and box maps
come out. Thresholds are those of best F1 on the split named by --thresholds-on. The file is written only if
onnxruntime gives what torch gives, at three shapes.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
import yaml
from torch import Tensor, nn

from engines.recipes.onnx_file import OPSET, fold_norms, name_axes, open_session, trace
from engines.recipes.regions.catalogue import CLASSES, LONG_SIDE, load_split
from engines.recipes.regions.evaluate import Network, judge, print_result, result_of
from engines.recipes.regions.model import STRIDES, RegionNet

ENGINE_DIR = Path(__file__).parents[2] / "regions"
HEAT_TOLERANCE = 1e-4  # of a probability, torch against onnxruntime in fp32
BOX_TOLERANCE_PX = 0.05
MEANINGS = {
    "heat": "per class, probability that the cell is the middle of an object",
    "box": "per class, distances in px from the cell's centre to the left, top, right and bottom side",
}
OUTPUTS = [f"{kind}_{stride}" for stride in STRIDES for kind in ("heat", "box")]


class EngineGraph(nn.Module):
    """What the engine computes: BatchNorm folded, heat as probability, six maps."""

    def __init__(self, network: RegionNet) -> None:
        super().__init__()
        self.network = fold_norms(copy.deepcopy(network).eval())

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) in [0, 1] -> heat_8, box_8, heat_16, box_16, heat_32, box_32."""
        maps: list[Tensor] = []
        for logits, sides in self.network(image):
            maps += [logits.sigmoid(), sides]
        return tuple(maps)


def traced(graph: EngineGraph) -> onnx.ModelProto:
    """The ONNX graph with dynamic batch, height and width (multiples of 32)."""
    batch, rows, columns = (torch.export.Dim(name) for name in ("batch", "height_32", "width_32"))
    axes = {"image": {0: batch, 2: 32 * rows, 3: 32 * columns}}
    model = trace(graph, {"image": torch.rand(2, 3, 96, 160)}, OUTPUTS, axes)
    name_axes(model, (1, *(stride for stride in STRIDES for _ in range(2))))
    onnx.checker.check_model(model, full_check=True)
    return model


@torch.no_grad()
def largest_difference(graph: EngineGraph, content: bytes) -> tuple[float, float]:
    """Largest |torch - onnxruntime| over three shapes: (of heat, of box sides in px up to 1000)."""
    session = open_session(content)
    worst = {"heat": 0.0, "box": 0.0}
    for shape in ((1, 3, 64, 96), (3, 3, 160, 64), (1, 3, 544, 960)):
        image = torch.rand(shape, generator=torch.Generator().manual_seed(1))
        for name, mine, theirs in zip(
            OUTPUTS, graph(image), session.run(OUTPUTS, {"image": image.numpy()}), strict=True
        ):
            difference = np.abs(mine.numpy().clip(0, 1000) - theirs.clip(0, 1000)).max()
            worst[name.split("_")[0]] = max(worst[name.split("_")[0]], float(difference))
    return worst["heat"], worst["box"]


def exported_network(content: bytes) -> Network:
    """The graph as it was written, on onnxruntime: what is measured is what is shipped."""
    session = open_session(content)
    return lambda image: dict(zip(OUTPUTS, session.run(OUTPUTS, {"image": image}), strict=True))


def contract(content: bytes, version: str, thresholds: dict[str, float]) -> dict:
    """What engine.yaml says."""
    tensor = {"layout": "NCHW", "dtype": "float32"}
    digest = hashlib.sha256(content).hexdigest()
    return {
        "schema": 1,
        "name": "regions",
        "version": version,
        "task": "regions",
        "licence": "Apache-2.0",
        "model": {"file": "model.onnx", "sha256": digest, "bytes": len(content), "opset": OPSET},
        "inputs": [{"name": "image", **tensor, "colour": "RGB", "range": [0.0, 1.0]}],
        "outputs": [{"name": name, **tensor, "meaning": MEANINGS[name.split("_")[0]]} for name in OUTPUTS],
        "size": {"multiple": 32, "min": 64, "max": 4096, "long_side": LONG_SIDE},
        "decoder": "centre_ltrb",
        "classes": list(CLASSES),
        "params": {"strides": list(STRIDES), "thresholds": thresholds, "nms_iou": 0.5},
    }


def main() -> None:
    """Export, compare, choose thresholds, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--thresholds-on", default="val", choices=["val", "video_frames_val"])
    parser.add_argument("--out", type=Path, default=ENGINE_DIR)
    args = parser.parse_args()
    network = RegionNet()
    network.load_state_dict(torch.load(args.checkpoint, weights_only=True)["average"])
    graph = EngineGraph(network).eval()
    content = traced(graph).SerializeToString()
    heat, box = largest_difference(graph, content)
    print(f"torch against onnxruntime: heat {heat:.1e}, box {box:.1e} px; {len(content) / 1e6:.2f} MB")
    if heat > HEAT_TOLERANCE or box > BOX_TOLERANCE_PX:
        raise SystemExit("the exported graph computes something else: nothing written")
    result = result_of(judge(exported_network(content), load_split(args.thresholds_on)))
    print_result(result)
    thresholds = {name: round(cut, 2) for name, (cut, _) in result["thresholds"].items()}
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "model.onnx").write_bytes(content)
    text = yaml.safe_dump(
        contract(content, args.version, thresholds), sort_keys=False, default_flow_style=None, width=120
    )
    (args.out / "engine.yaml").write_text(text, encoding="utf-8")
    print(f"wrote {args.out}, thresholds {thresholds}")


if __name__ == "__main__":
    main()
