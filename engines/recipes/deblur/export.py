"""Write the engine: trained weights -> engines/deblur/ (analyser) and its two restorers, dense/ and cells/.

python -m engines.recipes.deblur.export --weights .work/deblur/run1/last.pt --version 0.1.0 --threshold 0.3

Three graphs, because an all-sharp picture needs the first only, and a list of cells is another graph than a
whole picture. Each is an engine under contract of its own; they are checked against torch and each other.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import yaml
from torch import Tensor

from engines.recipes.onnx_file import OPSET, digest, halve_weights, open_session, trace
from qc_plugin.stages.deblur_cells import list_cells

from .model import GRID_MARGIN, SIZE_MULTIPLE, Deblurrer, macs
from .paths import CELL, CHORD_SCALE_PX, SAGITTA_SCALE_PX
from .pruned import AnalyserGraph, DenseGraph, ListRestorer
from .train import load_network

if TYPE_CHECKING:
    import onnx

ENGINE_DIR = Path(__file__).parents[2] / "deblur"
TOLERANCE = 1e-4  # of a pixel's value in [0, 1], torch against onnxruntime and list against dense
IMAGE = {"name": "image", "layout": "NCHW", "dtype": "float32", "colour": "RGB", "range": [0.0, 1.0]}
RESTORED = {"name": "restored", "layout": "NCHW", "dtype": "float32", "meaning": "kept cells restored"}
CODE = "path of each cell: direction at the doubled angle, chord / 24 px, sagitta / 8 px"
CONTRACTS = {
    "deblur": {
        "decoder": "blur_paths",
        "inputs": [IMAGE],
        "outputs": [
            {
                "name": "mask",
                "layout": "NCHW",
                "dtype": "float32",
                "meaning": "probability that a cell moved",
            },
            {"name": "code", "layout": "NCHW", "dtype": "float32", "meaning": CODE},
        ],
    },
    "deblur_dense": {
        "decoder": "restored_picture",
        "inputs": [
            IMAGE,
            {"name": "code", "layout": "NDYX", "dtype": "float32", "meaning": CODE},
            {"name": "kept", "layout": "NDYX", "dtype": "float32", "meaning": "1 where a cell is restored"},
        ],
        "outputs": [RESTORED],
    },
    "deblur_cells": {
        "decoder": "restored_picture",
        "inputs": [
            IMAGE,
            {"name": "code", "layout": "KD", "dtype": "float32", "meaning": CODE},
            {
                "name": "cells",
                "layout": "KD",
                "dtype": "int64",
                "meaning": "row and column of each kept cell",
            },
            {
                "name": "neighbours",
                "layout": "KD",
                "dtype": "int64",
                "meaning": "places in the list of its 3 x 3 neighbours; K: not on the list",
            },
        ],
        "outputs": [RESTORED],
    },
}
FOLDERS = {"deblur": ".", "deblur_dense": "dense", "deblur_cells": "cells"}


def example(height: int, width: int, share: float, seed: int = 0) -> dict[str, Tensor]:
    """Inputs of all graphs that belong together."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = height // CELL, width // CELL
    code = torch.randn(1, 5, rows, columns, generator=generator) * 0.4
    kept = torch.rand(1, 1, rows, columns, generator=generator) < share
    cells, neighbours = (torch.from_numpy(a) for a in list_cells(kept[0, 0].numpy()))
    return {
        "image": torch.rand(1, 3, height, width, generator=generator),
        "code": code,
        "kept": kept.float(),
        "code_listed": code[0].permute(1, 2, 0)[cells[:, 0], cells[:, 1]],
        "cells": cells,
        "neighbours": neighbours,
    }


def trace_all(network: Deblurrer) -> dict[str, onnx.ModelProto]:
    """The three graphs with dynamic sizes."""
    e = example(256, 384, 0.3)  # more than one cell of the coarsest stride: one would be taken for a constant
    rows, columns, listed, batch = (torch.export.Dim(n) for n in ("rows", "columns", "listed", "batch"))
    image = {2: SIZE_MULTIPLE * rows, 3: SIZE_MULTIPLE * columns}
    cell = {2: SIZE_MULTIPLE // CELL * rows, 3: SIZE_MULTIPLE // CELL * columns}
    two = {"image": e["image"].repeat(2, 1, 1, 1), "code": e["code"].repeat(2, 1, 1, 1)}
    two["kept"] = e["kept"].repeat(2, 1, 1, 1)
    lists = {
        "image": e["image"],
        "code": e["code_listed"],
        "cells": e["cells"],
        "neighbours": e["neighbours"],
    }
    return {
        "deblur": trace(AnalyserGraph(network), {"image": two["image"]}, ["mask", "code"],
                         {"image": {0: batch, **image}}),
        "deblur_dense": trace(DenseGraph(network.restorer), two, ["restored"],
                               {"image": {0: batch, **image}, "code": {0: batch, **cell},
                                "kept": {0: batch, **cell}}),
        "deblur_cells": trace(ListRestorer(network.restorer), lists, ["restored"],
                               {"image": image} | {k: {0: listed} for k in list(lists)[1:]}),
    }  # fmt: skip


def differences(network: Deblurrer, models: dict[str, bytes]) -> dict[str, float]:
    """Largest absolute differences: each graph in onnxruntime to torch, and the list to the dense graph."""
    run = {n: open_session(m) for n, m in models.items()}
    worst = dict.fromkeys(("analyser", "dense", "list_to_dense"), 0.0)
    for seed, (height, width, share) in enumerate(((128, 128, 0.3), (128, 256, 0.05), (256, 128, 1.0))):
        e = example(height, width, share, seed)
        with torch.no_grad():
            mask, code = AnalyserGraph(network)(e["image"])
            dense = DenseGraph(network.restorer)(e["image"], e["code"], e["kept"]).numpy()
        a = {k: v.numpy() for k, v in e.items()}
        got_mask, got_code = run["deblur"].run(None, {"image": a["image"]})
        got = run["deblur_dense"].run(None, {k: a[k] for k in ("image", "code", "kept")})[0]
        feed = {k: a[k] for k in ("image", "cells", "neighbours")} | {"code": a["code_listed"]}
        listed = run["deblur_cells"].run(None, feed)[0]
        pairs = {"analyser": [(mask.numpy(), got_mask), (code.numpy(), got_code)],
                 "dense": [(dense, got)], "list_to_dense": [(got, listed)]}  # fmt: skip
        for name, compared in pairs.items():
            worst[name] = max(worst[name], *(float(np.abs(x - y).max()) for x, y in compared))
    return worst


def params_of(threshold: float) -> dict[str, float]:
    """What the stage must know of the networks; multiply-adds are counted on a large picture."""
    counted, side = macs(1024, 1024, 0.0), 1024 * 1024
    return {
        "threshold": threshold,
        "cell_px": CELL,
        "grow_cells": GRID_MARGIN,
        "chord_scale_px": CHORD_SCALE_PX,
        "sagitta_scale_px": SAGITTA_SCALE_PX,
        "macs_a_pixel": round(counted["analyser"] / side),
        "macs_a_cell": round((counted["dense"] - counted["analyser"]) / side * CELL * CELL),
    }


def contract(name: str, model_path: Path, *, version: str, threshold: float) -> dict[str, object]:
    """engine.yaml as a value."""
    params = params_of(threshold) if name == "deblur" else {}
    about = {"schema": 1, "name": name, "version": version, "task": "deblur", "licence": "Apache-2.0"}
    size = {"multiple": SIZE_MULTIPLE, "min": SIZE_MULTIPLE, "max": 4096}
    return about | {
        "model": digest(model_path) | {"opset": OPSET},
        "size": size,
        **CONTRACTS[name],
        "params": params,
    }


def export(network: Deblurrer, folder: Path, *, version: str, threshold: float) -> dict[str, float]:
    """Write the three engines; returns the differences found. Raises RuntimeError when they are too large."""
    traced = trace_all(network)
    traced["deblur"] = halve_weights(traced["deblur"])
    models = {name: model.SerializeToString() for name, model in traced.items()}
    found = differences(network, models)
    if max(found.values()) > TOLERANCE:
        raise RuntimeError(f"the exported graphs differ by {found}, allowed {TOLERANCE:.0e}; nothing written")
    for name, content in models.items():
        home = folder / FOLDERS[name]
        home.mkdir(parents=True, exist_ok=True)
        path = home / "model.onnx"
        path.write_bytes(content)
        text = contract(name, path, version=version, threshold=threshold)
        (home / "engine.yaml").write_text(
            yaml.safe_dump(text, sort_keys=False, allow_unicode=True, width=110)
        )
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument(
        "--analyser", type=Path, help="checkpoint of the analyser, where it was trained alone"
    )
    parser.add_argument("--out", type=Path, default=ENGINE_DIR)
    parser.add_argument("--version", required=True)
    parser.add_argument("--threshold", type=float, required=True, help="of the mask, chosen by evaluate.py")
    args = parser.parse_args()
    network = load_network(args.weights, args.analyser)
    found = export(network, args.out, version=args.version, threshold=args.threshold)
    size = sum(p.stat().st_size for p in args.out.rglob("model.onnx")) / 1e6
    print(f"{args.out}: {size:.1f} MB, largest differences {found}")


if __name__ == "__main__":
    main()
