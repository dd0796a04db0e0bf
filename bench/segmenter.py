"""Time of the engines against a U-Net with ResNet-18 encoder, on OpenVINO, in one run.

The reference has the usual decoder (256-128-64-32-16, nearest enlargement, skips) and random weights; it is
built here as an OpenVINO graph with normalisation folded into the convolutions, so nothing but the runtime
is needed. All networks run in turn, round by round, in the same precision and with the same number of
threads; medians are compared. Sizes are padded as each network asks (reference: multiples of 32).

glibc's malloc thresholds are raised (the script restarts itself with them), because otherwise every large
buffer is given back to the system and faulted in again, which slows the larger network more.

    python bench/segmenter.py [--threads 2] [--rounds 9] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qc_plugin.errors import EngineError
from qc_plugin.inference import runtimes
from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import list_engines, load_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from qc_plugin.inference.session import Session

openvino = runtimes.openvino()
ops = openvino.opset13
SIZES = ((1280, 720), (960, 544), (640, 360))  # width, height
TARGET = {"motion_blur": 0.6}  # of the reference at the first size
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
REFERENCE = "reference U-Net ResNet-18"


class Reference:
    """The reference network on OpenVINO."""

    multiple = 32

    def __init__(self, precision: str, threads: int) -> None:
        self._rng = np.random.default_rng(0)
        self.n_weights = 0
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        self._request = openvino.Core().compile_model(self._graph(), "CPU", settings).create_infer_request()

    def run(self, image: np.ndarray) -> None:
        """One picture (1, 3, H, W) float32."""
        self._request.infer({0: image})

    def _graph(self) -> openvino.Model:
        image = ops.parameter([1, 3, -1, -1], np.float32, name="image")
        skips = [ops.relu(self._conv(image, 3, 64, size=7, stride=2))]
        x = ops.max_pool(skips[0], [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
        for n_in, n_out in ((64, 64), (64, 128), (128, 256), (256, 512)):
            x = self._residual(x, n_in, n_out, stride=1 if n_in == n_out else 2)
            x = self._residual(x, n_out, n_out, stride=1)
            skips.append(x)
        n_in = 512
        for n_out, skip, n_skip in zip(
            (256, 128, 64, 32, 16), (*skips[-2::-1], None), (256, 128, 64, 64, 0), strict=True
        ):
            x = self._enlarge(x)
            if skip is not None:
                x = ops.concat([x, skip], 1)
            x = ops.relu(self._conv(x, n_in + n_skip, n_out))
            x = ops.relu(self._conv(x, n_out, n_out))
            n_in = n_out
        return openvino.Model([ops.sigmoid(self._conv(x, 16, 1))], [image], "reference")

    def _conv(self, x: object, n_in: int, n_out: int, *, size: int = 3, stride: int = 1) -> object:
        scale = (2 / (n_in * size * size)) ** 0.5  # keeps activations of order 1, as trained weights do
        weights = (self._rng.standard_normal((n_out, n_in, size, size)) * scale).astype(np.float32)
        bias = np.zeros((1, n_out, 1, 1), np.float32)
        self.n_weights += weights.size + bias.size
        pad = [size // 2] * 2
        return ops.add(
            ops.convolution(x, ops.constant(weights), [stride] * 2, pad, pad, [1, 1]), ops.constant(bias)
        )

    def _residual(self, x: object, n_in: int, n_out: int, *, stride: int) -> object:
        y = self._conv(ops.relu(self._conv(x, n_in, n_out, stride=stride)), n_out, n_out)
        shortcut = x if n_in == n_out else self._conv(x, n_in, n_out, size=1, stride=stride)
        return ops.relu(ops.add(y, shortcut))

    @staticmethod
    def _enlarge(x: object) -> object:
        factors = ops.constant(np.array([2.0, 2.0], np.float32))
        return ops.interpolate(
            x,
            factors,
            "nearest",
            "scales",
            axes=ops.constant(np.array([2, 3])),
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )


def run_engine(session: Session, key: str, image: np.ndarray) -> None:
    session.run({key: image})


def runners(threads: int, precision: str) -> dict[str, tuple[int, Callable[[np.ndarray], object], str]]:
    """name -> (size multiple, run, precision it runs in): the reference first, then every engine and
    variant."""
    reference = Reference(precision, threads)
    print(f"{REFERENCE}: {reference.n_weights / 1e6:.1f} M weights")
    result: dict[str, tuple[int, Callable[[np.ndarray], object], str]] = {
        REFERENCE: (reference.multiple, reference.run, precision)
    }
    for name in list_engines():
        spec = load_spec(name)
        if spec.inputs[0].layout != "NCHW" or len(spec.inputs) > 1:
            continue
        for wanted in (precision, "int8"):
            try:
                session = open_session(spec, backend="openvino", precision=wanted, threads=threads)
            except EngineError as error:
                print(f"{name} in {wanted}: left out ({error})")
                continue
            run = partial(run_engine, session, spec.inputs[0].name)
            result[name if wanted == precision else f"{name} {wanted}"] = (
                spec.size.multiple,
                run,
                session.precision,
            )
    return result


def measure(threads: int, rounds: int, precision: str) -> list[dict[str, object]]:
    """One row a network and size; `ratio` is to the reference of the same size and run."""
    networks = runners(threads, precision)
    rows: list[dict[str, object]] = []
    for width, height in SIZES:
        images = {name: picture(width, height, multiple) for name, (multiple, _, _) in networks.items()}
        seconds: dict[str, list[float]] = {name: [] for name in networks}
        for turn in range(rounds + 1):
            for name, (_, run, _) in networks.items():
                started = time.perf_counter()
                run(images[name])
                if turn:  # the first prepares kernels for this shape
                    seconds[name].append(time.perf_counter() - started)
        base = statistics.median(seconds[REFERENCE])
        for name, (_, _, ran_in) in networks.items():
            median = statistics.median(seconds[name])
            padded = "x".join(str(side) for side in images[name].shape[:1:-1])
            rows.append(
                {
                    "network": name,
                    "precision": ran_in,
                    "size": f"{width}x{height}",
                    "padded": padded,
                    "median_ms": round(median * 1e3, 1),
                    "ratio": round(median / base, 3),
                    "spread_ms": [round(min(seconds[name]) * 1e3, 1), round(max(seconds[name]) * 1e3, 1)],
                }
            )
    return rows


def picture(width: int, height: int, multiple: int) -> np.ndarray:
    """Fixed noise (1, 3, H, W) in [0, 1], sides rounded up."""
    height, width = (-(-side // multiple) * multiple for side in (height, width))
    return np.random.default_rng(0).random((1, 3, height, width), dtype=np.float32)


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="also write the result here")
    options = parser.parse_args()
    if any(os.environ.get(key) != value for key, value in MALLOC.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MALLOC)  # noqa: S606 - itself
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = "bf16" if "BF16" in capabilities else "f32"
    rows = measure(options.threads, options.rounds, precision)
    print(f"{'network':28} {'precision':9} {'size':>9} {'padded':>9} {'median ms':>10} {'ratio':>6}")
    for row in rows:
        print(
            f"{row['network']:28} {row['precision']:9} {row['size']:>9} {row['padded']:>9} "
            f"{row['median_ms']:10} {row['ratio']:6.2f}"
        )
    first = f"{SIZES[0][0]}x{SIZES[0][1]}"
    reached = {
        name: row["ratio"] <= limit
        for name, limit in TARGET.items()
        for row in rows
        if row["network"] == name and row["size"] == first
    }
    for name, is_reached in reached.items():
        told = "reached" if is_reached else "MISSED"
        print(f"{name}: at most {TARGET[name]}x of the reference at {first}: {told}")
    document = {
        "rows": rows,
        "reached": reached,
        "threads": options.threads,
        "rounds": options.rounds,
        "malloc": MALLOC,
        "cpu": cpu_name(),
        "capabilities": capabilities,
        "python": platform.python_version(),
        "openvino": openvino.get_version(),
        "numpy": np.__version__,
    }
    text = json.dumps(document, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0 if reached and all(reached.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
