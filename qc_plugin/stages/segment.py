"""Motion blur per pixel: frames in, `BlurMap`s out.

The engine judges at one analysis scale: pictures whose longer side exceeds its `long_side` (640 px) are
reduced to it, smaller ones are left as they are, because enlarging would blur them. So an 8K still costs what
a video frame costs. `long_side=None` analyses at the picture's own scale instead; above a pixel budget that
is done in tiles. Extents are in px of the analysis scale either way. Where blur could not be seen, the rest
of the picture decides (`context`), if the engine states the prior it was trained with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qc_plugin.errors import EngineError
from qc_plugin.inference.pictures import Scale, fitted, plan_scale, to_tensor
from qc_plugin.inference.select import open_session
from qc_plugin.inference.session import Array, Session, check_range
from qc_plugin.inference.spec import EngineSpec, load_spec
from qc_plugin.signals.context import judge_by_the_rest
from qc_plugin.signals.optical_flow import judge_by_motion
from qc_plugin.signals.structure import structured
from qc_plugin.stages import tiling
from qc_plugin.stages.incoming import checked_rgb, runs_of_one_size
from qc_plugin.types import BlurMap, Frame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MAPS = ("probability", "intensity", "evidence")
BATCH = 4  # frames a run: 8 % faster than one by one at 640x360, and 40 MB; more gained nothing


class BlurParams(BaseModel):
    """`params` of an engine of task motion_blur. `stride`: input px a map cell, along each side.

    `prior`: share of blur, by evidence, in the pictures it was trained on; without it cells are judged alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stride: int = Field(ge=1)
    threshold: float = Field(ge=0, le=1)
    evidence_floor: float = Field(ge=0, le=1)
    prior: float | None = Field(default=None, gt=0, lt=1)
    extent_full_scale_px: Literal[24]  # what BlurMap.intensity means; rules are written against it


@dataclass(frozen=True, slots=True)
class TileRule:
    """When and how a picture is cut at its own scale. All in px of the analysis scale.

    `halo`: how far a tile reads beyond its kept part. The network pools down to stride 64, so it sees about
    700 px far, with weights that fall off: the largest change of any map cell on photos was 0.3 with a halo
    of 128 px, 0.07 with 256, 0.012 with 384 and 0.003 with 448. One 2048 px tile takes 450 MB and, with 512,
    keeps a quarter of its area.
    """

    budget_px: int = 2048 * 2048
    tile: int = 2048
    halo: int = 512


class BlurSegmenter:
    """Finds motion blur; built once with its engine, then called. Used by one thread at a time."""

    def __init__(
        self,
        session: Session,
        *,
        long_side: int | Literal["engine"] | None = "engine",
        tile_rule: TileRule | None = None,
    ) -> None:
        """`long_side`: analysis scale in px; "engine" takes the engine's own, None the picture's size."""
        self.session = session
        self.params = _read_params(session.spec)
        self.long_side = session.spec.size.long_side if long_side == "engine" else long_side
        self.tile_rule = tile_rule or TileRule()

    @classmethod
    def load(
        cls,
        engine: str | Path | None = None,
        *,
        backend: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
        long_side: int | Literal["engine"] | None = "engine",
    ) -> BlurSegmenter:
        """Open the shipped engine, or `engine` (a name, or the path of a folder). Raises EngineError."""
        spec = load_spec(engine or "motion_blur")
        _read_params(spec)  # before the runtime: a wrong engine is told at once
        session = open_session(spec, backend=backend, precision=precision, threads=threads)
        return cls(session, long_side=long_side)

    def __call__(self, rgb: NDArray[np.uint8], odds: NDArray[np.float32] | None = None) -> BlurMap:
        """Blur of one picture (H, W, 3) uint8 sRGB, maps at its size; `odds` as in `segment`.

        Raises ValueError for any other picture.
        """
        image = checked_rgb(rgb)
        coarse = self.segment([Frame(0, 0.0, 0.0, image)], [odds])[0]
        height, width = image.shape[:2]
        probability, intensity, evidence = (
            enlarge(part, coarse.scale_xy, height, width)
            for part in (coarse.probability, coarse.intensity, coarse.evidence)
        )
        return replace(
            coarse, probability=probability, intensity=intensity, evidence=evidence, scale_xy=(1.0, 1.0)
        )

    def segment(
        self, frames: Sequence[Frame], odds: Sequence[NDArray[np.float32] | None] | None = None
    ) -> list[BlurMap]:
        """Blur of each frame at engine resolution (one cell is `stride` analysis px), in the order given.

        Frames of one size that follow each other run as one batch. `odds`: what the motion of each says, for
        `signals.optical_flow.judge_by_motion`; without them each is judged alone.
        """
        result: list[BlurMap] = []
        for group in runs_of_one_size(frames, BATCH):
            height, width = group[0].rgb.shape[:2]
            spec = self.session.spec
            scale = plan_scale(height, width, spec, long_side=self.long_side)
            images = [fitted(checked_rgb(frame.rgb), scale, spec) for frame in group]
            maps = self._infer(images, scale)
            result += [
                self._blur_map(frame, tiling.crop(image, *scale.analysis), scale, part)
                for frame, image, part in zip(group, images, maps, strict=True)
            ]
        told = odds or [None] * len(frames)
        return [judge_by_motion(blur, odd) for blur, odd in zip(result, told, strict=True)]

    def close(self) -> None:
        """Give the engine's memory back."""
        self.session.close()

    def _infer(self, images: list[NDArray[np.uint8]], scale: Scale) -> list[Array]:
        """Maps (h, w, 3) of pictures that fit the network, padding removed."""
        height, width = scale.padded
        too_long = max(scale.padded) > self.session.spec.size.max
        if too_long or height * width > self.tile_rule.budget_px:
            maps = [self._infer_tiled(image) for image in images]
        else:
            maps = list(self._run(images))
        cells = [tiling.round_up(side, self.params.stride) // self.params.stride for side in scale.analysis]
        return [tiling.crop(part, cells[0], cells[1]) for part in maps]

    def _infer_tiled(self, image: NDArray[np.uint8]) -> Array:
        height, width = image.shape[:2]
        rule, size = self.tile_rule, self.session.spec.size
        layout = tiling.tiles(
            height, width, tile=min(rule.tile, size.max), halo=rule.halo, multiple=size.multiple
        )
        parts = [self._run([tiling.cut(image, tile)])[0] for tile in layout]
        return tiling.stitch(parts, layout, height, width, stride=self.params.stride)

    def _run(self, images: Sequence[NDArray[np.uint8]]) -> Array:
        """Maps (n, h, w, 3) float32 in [0, 1]. Raises QcError if the engine gives anything else."""
        spec = self.session.spec
        outputs = self.session.run({spec.inputs[0].name: to_tensor(images, spec)})
        for name in MAPS:
            check_range(spec, name, outputs[name], (0.0, 1.0))
        stacked = np.concatenate([outputs[name] for name in MAPS], axis=1)
        return np.asarray(stacked.transpose(0, 2, 3, 1).clip(0.0, 1.0), dtype=np.float32)

    def _blur_map(self, frame: Frame, image: NDArray[np.uint8], scale: Scale, maps: Array) -> BlurMap:
        """The maps of `image`, which is `frame` at analysis scale; no evidence where it has no edge."""
        probability, intensity, evidence = (np.ascontiguousarray(maps[..., k]) for k in range(len(MAPS)))
        if self.params.prior is not None:
            probability = judge_by_the_rest(probability, evidence, self.params.prior)
        seen = structured(image, evidence.shape, self.params.stride)
        return BlurMap(
            frame.index,
            probability,
            intensity,
            np.where(seen, evidence, np.float32(0)),
            scale_xy=scale.frame_per_cell(self.params.stride),
            threshold=self.params.threshold,
            evidence_floor=self.params.evidence_floor,
        )


def enlarge(
    coarse: NDArray[np.float32], scale_xy: tuple[float, float], height: int, width: int
) -> NDArray[np.float32]:
    """A map at the picture's size (height, width), bilinear between cell centres."""
    whole = (
        max(round(coarse.shape[1] * scale_xy[0]), width),
        max(round(coarse.shape[0] * scale_xy[1]), height),
    )
    full = cv2.resize(coarse, whole, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(full[:height, :width], dtype=np.float32)


def _read_params(spec: EngineSpec) -> BlurParams:
    """Raises EngineError unless the engine is one whose outputs are blur maps."""
    where = spec.folder / "engine.yaml"
    if spec.task != "motion_blur" or spec.decoder != "blur_maps":
        got = f"task {spec.task!r}, decoder {spec.decoder!r}"
        raise EngineError(f"{where}: {got} cannot find motion blur; choose an engine of task 'motion_blur'")
    lacking = [name for name in MAPS if name not in {tensor.name for tensor in spec.outputs}]
    if lacking:
        raise EngineError(f"{where}: outputs lack {', '.join(lacking)}; export the engine again")
    try:
        return BlurParams.model_validate(spec.params)
    except ValidationError as error:
        told = "; ".join(f"params.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise EngineError(f"{where}: {told}; correct that place") from error
