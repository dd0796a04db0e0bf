"""Faces, hands and people: pictures in, `Region`s out.

The engine looks at one analysis scale: the longer side of a picture is brought to its `long_side` (960 px),
small pictures enlarged twice at most, because beyond that there is nothing more to see. `tiled` looks at
pictures of 2880 px and more a second time, at twice that scale, for smaller faces. On 4K composed of
photographs that cost 4.2 times the time of one look, and found 0.78 of the faces of 32 to 48 px instead of
0.19, 0.90 of those of 64 to 96 px instead of 0.76. Finding no region is a result, not an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from qc_plugin.errors import EngineError
from qc_plugin.inference.pictures import fitted, plan_scale, to_tensor
from qc_plugin.inference.select import open_session
from qc_plugin.inference.session import Session, check_range
from qc_plugin.inference.spec import EngineSpec, load_spec
from qc_plugin.stages import region_tiles
from qc_plugin.stages.incoming import checked_rgb, runs_of_one_size
from qc_plugin.stages.region_decoders import DECODERS, read_params
from qc_plugin.stages.tracks import Tracker, track
from qc_plugin.types import Frame, Region, RegionKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["RegionDetector", "Tracker", "track"]

KINDS: tuple[RegionKind, ...] = ("face", "hand", "person")
BATCH = 4  # frames a run: more gains nothing on a CPU and costs memory
LEAST_BOX_PX = 1.0  # of a side, in frame px: what is left of a box that lay in the padding is nothing


class RegionDetector:
    """Finds faces, hands and people.

    Built once with its engine, then called. Used by one thread at a time.
    """

    def __init__(self, session: Session, *, long_side: int | None = None, tiled: bool = False) -> None:
        """`long_side`: analysis scale in px; None takes the engine's own. Raises ValueError if out of range.

        `tiled`: look at large pictures a second time, for small faces (`region_tiles`).
        """
        self.session = session
        self.tiled = tiled
        _check_engine(session.spec)
        size = session.spec.size
        self.long_side = long_side if long_side is not None else (size.long_side or size.max)
        if not 1 <= self.long_side <= size.max // size.multiple * size.multiple:
            raise ValueError(f"long_side: expected 1 to {size.max} px, got {self.long_side}")

    @classmethod
    def load(
        cls,
        engine: str | Path | None = None,
        *,
        backend: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
        long_side: int | None = None,
    ) -> RegionDetector:
        """Open the shipped engine, or `engine` (a name, or the path of a folder). Raises EngineError."""
        spec = load_spec(engine or "regions")
        _check_engine(spec)  # before the runtime: a wrong engine is told at once
        session = open_session(spec, backend=backend, precision=precision, threads=threads)
        return cls(session, long_side=long_side)

    @property
    def kinds(self) -> tuple[RegionKind, ...]:
        """What the engine finds."""
        return cast("tuple[RegionKind, ...]", self.session.spec.classes)

    def threshold(self, kind: RegionKind) -> float:
        """Least confidence of what is found of a kind."""
        spec = self.session.spec
        return read_params(spec.decoder, spec.params, spec.classes).thresholds[kind]

    def at(self, long_side: int | None, *, tiled: bool) -> RegionDetector:
        """The same network at another scale; an engine made for a smaller one keeps its own."""
        own = self.session.spec.size.long_side
        if long_side is not None and own is not None:
            long_side = min(long_side, own)
        return RegionDetector(self.session, long_side=long_side, tiled=tiled)

    def __call__(self, rgb: NDArray[np.uint8]) -> list[Region]:
        """Regions of one picture (H, W, 3) uint8 sRGB, best first. Raises ValueError for anything else."""
        return self.detect([Frame(0, 0.0, 0.0, checked_rgb(rgb))])[0]

    def detect(self, frames: Sequence[Frame]) -> list[list[Region]]:
        """Regions of each frame, best first, in the order of the frames.

        Frames of one size that follow each other run as one batch.
        """
        result: list[list[Region]] = []
        for group in runs_of_one_size(frames, min(BATCH, self.session.spec.size.batch or BATCH)):
            images = [checked_rgb(frame.rgb) for frame in group]
            for frame, image, rows in zip(group, images, self._look(images, self.long_side), strict=True):
                more = self._small_faces(image, rows) if self.tiled else rows[:0]
                result.append(self._regions(frame, np.concatenate([rows, more])))
        return result

    def close(self) -> None:
        """Give the engine's memory back."""
        self.session.close()

    def _look(self, images: Sequence[NDArray[np.uint8]], long_side: int) -> list[NDArray[np.float64]]:
        """Finds (n, 6) per picture in its own px, clipped to it; what lay in the padding is dropped.

        The pictures have one size; `long_side` is the scale at which they are looked at.
        """
        spec, decoder = self.session.spec, DECODERS[self.session.spec.decoder]
        height, width = images[0].shape[:2]
        scale = plan_scale(height, width, spec, long_side=long_side)
        batch = to_tensor([fitted(image, scale, spec) for image in images], spec)
        outputs = self.session.run({spec.inputs[0].name: batch})
        for tensor in spec.outputs:
            check_range(spec, tensor.name, outputs[tensor.name], decoder.range_of(tensor.name))
        frame_px = np.array(scale.frame_per_cell() * 2)
        found = []
        for rows in decoder.decode(outputs, spec.params, spec.classes, scale.padded):
            boxes = (rows[:, :4].astype(np.float64) * frame_px).clip(0, [width, height, width, height])
            kept = ((boxes[:, 2:] - boxes[:, :2]) >= min(LEAST_BOX_PX, width, height)).all(axis=1)
            found.append(np.concatenate([boxes, rows[:, 4:]], axis=1)[kept])
        return found

    def _small_faces(self, image: NDArray[np.uint8], known: NDArray[np.float64]) -> NDArray[np.float64]:
        """Faces that a second look at twice the scale adds to the `known` finds, (n, 6) in frame px."""
        height, width = image.shape[:2]
        if max(height, width) < region_tiles.FROM_PX or "face" not in self.kinds:
            return known[:0]
        size, places = self.session.spec.size, region_tiles.windows(height, width)
        crops = [np.ascontiguousarray(image[y0:y1, x0:x1]) for x0, y0, x1, y1 in places]
        share = max(crops[0].shape) / max(height, width)
        long_side = min(round(2 * self.long_side * share), size.max // size.multiple * size.multiple)
        found = []
        for crop, window in zip(crops, places, strict=True):
            rows = self._look([crop], long_side)[0]
            rows[:, :4] += [*window[:2], *window[:2]]
            found.append(region_tiles.inside(rows, window, height, width))
        more = np.concatenate(found)
        return region_tiles.new(known, more[more[:, 5] == self.kinds.index("face")])

    def _regions(self, frame: Frame, rows: NDArray[np.float64]) -> list[Region]:
        """Finds as regions of the frame, best first."""
        return [
            Region(frame.index, self.kinds[int(label)], (x0, y0, x1, y1), min(confidence, 1.0))
            for x0, y0, x1, y1, confidence, label in rows[np.argsort(-rows[:, 4], kind="stable")].tolist()
        ]


def _check_engine(spec: EngineSpec) -> None:
    """Raises EngineError unless the engine is one whose outputs are regions of kinds we know."""
    where = spec.folder / "engine.yaml"
    if spec.task != "regions" or spec.decoder not in DECODERS:
        got = f"task {spec.task!r}, decoder {spec.decoder!r}"
        raise EngineError(
            f"{where}: {got} cannot find regions; choose an engine of task 'regions' with a decoder among "
            f"{', '.join(sorted(DECODERS))}"
        )
    strange = sorted(set(spec.classes) - set(KINDS))
    if strange or not spec.classes:
        raise EngineError(f"{where}: classes {strange or 'are empty'}; regions are {', '.join(KINDS)}")
    read_params(spec.decoder, spec.params, spec.classes)
