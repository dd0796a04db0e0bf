"""Frames a second of the segmenter on every way to run it, beside what the hardware would allow.

    python bench/backends.py [--sizes 720p,1080p,4k] [--batches 1,8,32] [--tiers NAME,...] [--json FILE]

Three tables: how far each tier is from fp32 (onnxruntime, CPU) on the same pictures; the network alone at
the pictures' own scale; and all of it, from uint8 frames on the host to region scores on the host, at the
scale the product analyses at. Operations and bytes are counted from the graph (`work_done.py`); the two
floors divide them by what the GPU reaches in the same run, in a large fp16 product and a large copy by torch.
A tier that cannot be had is listed with the reason. Exits with 1 if a tier differs from fp32 by more than it
may, or breaks, and with --targets also if TensorRT misses the targets of docs/gpu.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.onnx_frames import FrameSize, region_values, write_frame_engine
from bench.tiers import TIERS, Runner, Tier, peaks, seconds_a_call
from bench.work_done import work_done
from qc_plugin.inference.pictures import plan_scale
from qc_plugin.inference.select import open_session
from qc_plugin.inference.spec import EngineSpec, load_spec
from qc_plugin.inference.tensorrt import calibration
from qc_plugin.inference.tensorrt.plan_builder import network
from qc_plugin.inference.tensorrt.plan_cache import PlanCache

SIZES = {"360p": (360, 640), "720p": (720, 1280), "1080p": (1080, 1920), "4k": (2160, 3840)}
LIMITS = {"f32": 0.001, "f16": 0.01, "int8": 0.2}  # of a probability, any pixel
IOU_POINTS = {"f32": 0.05, "f16": 0.2, "int8": 0.5}  # of the mask against fp32's own mask, lost at most
N_BOXES = 8
Row = dict[str, Any]


def pictures(height: int, width: int, n: int) -> np.ndarray:
    """(n, height, width, 3) uint8: smooth shapes, edges, a smear in the middle; each a little different."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(np.float32) / width
    frames = np.empty((n, height, width, 3), np.uint8)
    for k in range(n):
        base = 0.5 + 0.25 * np.sin((60 + k) * x) * np.cos(45 * y) + 0.2 * (np.sin(9 * x + 7 * y + k) > 0)
        third = width // 3
        smear = np.cumsum(base[:, third : 2 * third], axis=1)
        base[:, third + 16 : 2 * third] = (smear[:, 16:] - smear[:, :-16]) / 16
        noise = rng.normal(0, 0.02, (height, width, 3)).astype(np.float32)
        frames[k] = np.clip((base[..., None] + noise) * 255, 0, 255)
    return frames


def boxes(height: int, width: int, n: int) -> np.ndarray:
    """(n, N_BOXES, 5) float32."""
    corners = np.random.default_rng(1).random((n, N_BOXES, 2), dtype=np.float32) * 0.6
    flags = np.tile((np.arange(N_BOXES) % 2).astype(np.float32)[None, :, None], (n, 1, 1))
    unit = np.concatenate([corners, corners + 0.35, flags], axis=2)
    return unit * np.float32([width, height, width, height, 1])


def frame_size(spec: EngineSpec, height: int, width: int) -> FrameSize:
    """How frames of this size are brought to the engine's analysis scale."""
    stride = int(str(spec.params["stride"]))
    scale = plan_scale(height, width, spec, long_side=spec.size.long_side)
    return FrameSize(scale.original, scale.analysis, scale.padded, stride)


def padded(spec: EngineSpec, size: str) -> tuple[int, int]:
    """(height, width) of the network's input for pictures at their own scale."""
    height, width = SIZES[size]
    return spec.size.padded(height), spec.size.padded(width)


def as_input(spec: EngineSpec, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Frames as the network takes them."""
    planes = np.ascontiguousarray(frames.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)
    return {spec.inputs[0].name: planes}


class Bench:
    """One run: engine, ranges for int8, plans in a folder of its own."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args, self.folder = args, folder
        self.spec = load_spec(args.engine)
        self.cache = PlanCache(folder / "plans")
        shots = list(pictures(360, 640, 4))
        self.ranges = calibration.activation_ranges(self.spec, calibration.picture_inputs(self.spec, shots))
        self.peaks = peaks()

    def load(self, tier: Tier, spec: EngineSpec, precision: str, profile: str) -> Runner:
        return tier.load(spec, precision, profile, self.ranges, self.cache)

    def accuracy(self, tier: Tier, precision: str) -> Row:
        inputs = as_input(self.spec, pictures(384, 640, 2))
        wanted = open_session(self.spec, backend="onnxruntime", precision="f32").run(inputs)["probability"]
        runner = self.load(tier, self.spec, precision, "analysis")
        got = runner.run(inputs)["probability"]
        runner.close()
        threshold = float(str(self.spec.params["threshold"]))
        mine, theirs = got > threshold, wanted > threshold
        iou = (mine & theirs).sum() / max((mine | theirs).sum(), 1)
        worst = float(np.abs(got - wanted).max())
        lost = 100 * (1 - float(iou)) if theirs.any() else 0.0
        fits = worst <= LIMITS[precision] and lost <= IOU_POINTS[precision]
        mean, blurred = float(np.abs(got - wanted).mean()), float(theirs.mean())
        return {"worst": worst, "mean": mean, "iou_lost": lost, "blurred": blurred, "fits": fits}

    def alone(self, tier: Tier, precision: str, size: str, batch: int) -> Row:
        height, width = padded(self.spec, size)
        inputs = as_input(self.spec, pictures(height, width, 1).repeat(batch, 0))
        runner = self.load(tier, self.spec, precision, "analysis" if size == "360p" else size)
        whole = seconds_a_call(lambda: runner.run(inputs), self.args.seconds)
        pure = None
        if runner.compute is not None:
            pure = seconds_a_call(lambda: runner.compute(10), self.args.seconds) / 10
        runner.close()
        row: Row = {"with_copies_s": whole, "compute_s": pure, "frames_per_s": batch / (pure or whole)}
        return row | self.floors(self.spec, precision, {name: a.shape for name, a in inputs.items()}, pure)

    def from_frames(self, tier: Tier, precision: str, size: str, batch: int) -> Row:
        height, width = SIZES[size]
        where = self.folder / f"frames-{size}"
        spec = write_frame_engine(self.spec, frame_size(self.spec, height, width), where)
        inputs = {"frames": pictures(height, width, 1).repeat(batch, 0), "boxes": boxes(height, width, batch)}
        runner = self.load(tier, spec, precision, "720p")
        sums = runner.run(inputs)["sums"]
        seconds = seconds_a_call(lambda: runner.run(inputs), self.args.seconds)
        runner.close()
        return {"latency_s": seconds, "frames_per_s": batch / seconds, "first_box": region_values(sums[0, 0])}

    def floors(self, spec: EngineSpec, precision: str, shapes: dict[str, Any], seconds: float | None) -> Row:
        work = work_done(network(spec, precision, self.ranges), shapes)
        row: Row = {"operations": work.operations, "bytes": work.bytes}
        if self.peaks is None or seconds is None:
            return row
        twice = 2 if precision == "int8" else 1  # tensor cores do twice as many int8 operations
        arithmetic, memory = work.floors_s(twice * self.peaks[0], self.peaks[1])
        floor = max(arithmetic, memory)
        return row | {"floor_arithmetic_s": arithmetic, "floor_memory_s": memory, "to_floor": seconds / floor}


def run(bench: Bench) -> dict[str, Any]:
    """All rows; a case that fails is a row with its error, and the others go on."""
    args, rows = bench.args, {"accuracy": [], "alone": [], "from_frames": []}
    for tier in (t for t in TIERS if t.name in args.tiers):
        reason = tier.missing()
        if reason is not None:
            print(f"{tier.name}: not here: {reason}", flush=True)
            continue
        for precision in tier.precisions:
            cases: list[tuple[str, tuple[Any, ...]]] = [("accuracy", ())]
            cases += [
                (kind, (s, b)) for kind in ("alone", "from_frames") for s in args.sizes for b in args.batches
            ]
            for kind, case in cases:
                row: Row = {"tier": tier.name, "precision": precision, "case": case}
                try:
                    row |= getattr(bench, kind)(tier, precision, *case)
                except Exception as error:  # noqa: BLE001 - a tier that breaks is a result too
                    row["error"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
                rows[kind].append(row)
                print(line(kind, row), flush=True)
    return rows


def line(kind: str, row: Row) -> str:
    """One row for people."""
    head = f"{kind:11s} {row['tier']:17s} {row['precision']:5s} " + " ".join(f"{x!s:6}" for x in row["case"])
    if "error" in row:
        return f"{head} FAILED {row['error']}"
    if kind == "accuracy":
        verdict = "ok" if row["fits"] else "MISMATCH"
        mask = f"IoU lost {row['iou_lost']:.2f} of a mask over {row['blurred']:.0%}"
        return f"{head} worst {row['worst']:.4f} mean {row['mean']:.5f}, {mask}: {verdict}"
    if kind == "from_frames":
        return f"{head} {row['frames_per_s']:9.1f} frames/s, latency {row['latency_s'] * 1e3:8.2f} ms"
    pure = f"{row['compute_s'] * 1e3:8.2f} ms" if row["compute_s"] else "       -   "
    floor = f", {row['to_floor']:.2f}x its floor" if "to_floor" in row else ""
    work = f"{row['operations'] / 1e9:.0f} Gop, {row['bytes'] / 1e6:.0f} MB"
    return f"{head} {row['frames_per_s']:9.1f} frames/s, compute {pure}, {work}{floor}"


def missed(rows: dict[str, Any]) -> list[str]:
    """Targets of docs/gpu.md that TensorRT fp16 misses; a row that is not there is missed."""

    def find(kind: str, tier: str) -> Row:
        wanted = {"tier": tier, "precision": "f16", "case": ("720p", 8)}
        return next((r for r in rows[kind] if all(r[k] == v for k, v in wanted.items())), {})

    ours, compiled, whole = (
        find("alone", "tensorrt"),
        find("alone", "torch.compile"),
        find("from_frames", "tensorrt"),
    )
    checks = {
        "within 2x of its floor at 720p, batch 8": ours.get("to_floor", 99) <= 2,
        "at least 2x torch.compile": ours.get("frames_per_s", 0) >= 2 * compiled.get("frames_per_s", 1e9),
        "at least 1,000 frames/s from uint8 to scores": whole.get("frames_per_s", 0) >= 1000,
    }
    return [name for name, met in checks.items() if not met]


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", default="motion_blur")
    parser.add_argument("--sizes", default="720p,1080p,4k", type=lambda text: text.split(","))
    parser.add_argument(
        "--batches", default="1,8,32", type=lambda text: [int(part) for part in text.split(",")]
    )
    gpu_tiers = ",".join(tier.name for tier in TIERS if not tier.name.endswith("-cpu"))
    parser.add_argument("--tiers", default=gpu_tiers, type=lambda text: text.split(","))
    parser.add_argument("--seconds", default=1.0, type=float, help="time spent on each number")
    parser.add_argument("--targets", action="store_true", help="exit with 1 when a speed target is missed")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, Path(folder))
        if bench.peaks is not None:
            reached = f"{bench.peaks[0] / 1e12:.0f} Top/s fp16, {bench.peaks[1] / 1e9:.0f} GB/s copied"
            print(f"this GPU, this run: {reached}")
        rows = run(bench)
    document = {"machine": platform.processor() or platform.machine(), "peaks": bench.peaks, **rows}
    if args.json:
        args.json.write_text(json.dumps(document, indent=1, default=str))
    wrong = [row for row in rows["accuracy"] if "error" in row or not row["fits"]]
    wrong += [row for kind in ("alone", "from_frames") for row in rows[kind] if "error" in row]
    too_slow = missed(rows) if args.targets else []
    for name in too_slow:
        print(f"target missed: {name}")
    return 1 if wrong or too_slow else 0


if __name__ == "__main__":
    sys.exit(main())
