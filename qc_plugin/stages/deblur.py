"""Local deblurring: a picture in, a `DeblurPatch` out, in which only blurred cells have changed.

An analyser finds the cells (4 x 4 px) that moved and along which path; a restorer works on those alone: as a
compact list of cells, or densely where so many moved that a list would not pay. Both give the same picture.
A pixel that is not in the mask comes back as it was, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qc_plugin.errors import EngineError
from qc_plugin.inference.pictures import pad, to_tensor
from qc_plugin.inference.select import open_session
from qc_plugin.inference.session import check_range
from qc_plugin.inference.spec import load_spec
from qc_plugin.stages import tiling
from qc_plugin.stages.deblur_cells import (
    CELL_PX,
    Window,
    cells_of,
    grow,
    list_cells,
    pixels_of,
    windows,
    windows_around,
)
from qc_plugin.stages.incoming import checked_rgb
from qc_plugin.stages.motion_paths import decode_paths

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from qc_plugin.inference.session import Session
    from qc_plugin.inference.spec import EngineSpec
    from qc_plugin.types import Box

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float32]

How = Literal["none", "cells", "tiles", "dense"]
MULTIPLE_PX = 32  # cells of the analyser's coarsest attention
BREAK_EVEN = 0.5  # kept share from which on a list of cells takes as long as all of them (bench/deblur.py)
ANALYSER_REACH_PX = 192  # changes in a picture are felt up to 180 px away
RESTORER_REACH_PX = 128  # eight convolutions on cells, then samples one and a half chords of 40 px away
HALO_PX = ANALYSER_REACH_PX + RESTORER_REACH_PX
WINDOW_PX = 1024  # a larger picture is worked on in windows: with halo 2 Mpx and about 500 MB
TILE_PX = 256


class DeblurParams(BaseModel):
    """`params` of an engine of task deblur; `macs_*`: multiply-adds of the analyser and of one kept cell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(gt=0, lt=1)
    cell_px: Literal[4]
    grow_cells: int = Field(ge=0, le=8)
    chord_scale_px: float = Field(gt=0)
    sagitta_scale_px: float = Field(gt=0)
    macs_a_pixel: int = Field(gt=0)
    macs_a_cell: int = Field(gt=0)


@dataclass(frozen=True, slots=True, eq=False)
class DeblurPatch:
    """What a repair did.

    `rgb` (H, W, 3) uint8: the picture with the patch in it; `mask` (H, W) bool: pixels that may differ from
    the input; `motion` (h, w, 4) float32 px at cells of 4 x 4 px: chord x, y and sagitta x, y of the path
    along which each cell was found to have moved. `kept_fraction` of cells were restored, by `how`; `macs`
    were run where restoring all cells would have taken `macs_dense`.
    """

    rgb: NDArray[np.uint8]
    mask: Bools
    motion: Floats
    kept_fraction: float
    how: How
    macs: int
    macs_dense: int


@dataclass(slots=True)
class _Work:
    """One window while it is worked on, padded to whole cells."""

    image: Floats  # (1, 3, H, W)
    code: Floats  # (1, 5, h, w)
    found: Bools  # (h, w)


class LocalDeblurrer:
    """Finds and removes local motion blur; built once with its engine. Used by one thread at a time."""

    def __init__(self, analyser: Session, dense: Session, cells: Session) -> None:
        """Sessions of the engine and of its two restorers."""
        self.session, self.dense, self.cells = analyser, dense, cells
        self.params = _read_params(analyser.spec)

    @classmethod
    def load(
        cls,
        engine: str | Path | None = None,
        *,
        backend: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> LocalDeblurrer:
        """Open the shipped engine, or `engine` (a name, or the path of a folder). Raises EngineError."""
        spec = load_spec(engine or "deblur")
        _read_params(spec)
        specs = (spec, load_spec(spec.folder / "dense"), load_spec(spec.folder / "cells"))
        return cls(*(open_session(s, backend=backend, precision=precision, threads=threads) for s in specs))

    def __call__(
        self, rgb: NDArray[np.uint8], mask: Bools | None = None, *, how: How | Literal["auto"] = "auto"
    ) -> DeblurPatch:
        """Repair a picture (H, W, 3) uint8 sRGB.

        `mask` (H, W) bool: pixels that are blurred; without it the engine finds them. `how` forces one way
        of computing. Raises ValueError for anything else.
        """
        image = checked_rgb(rgb)
        if mask is not None and (mask.shape != image.shape[:2] or mask.dtype != np.bool_):
            raise ValueError(f"mask: expected bool of {image.shape[:2]}, got {mask.dtype} of {mask.shape}")
        height, width = (tiling.round_up(side, MULTIPLE_PX) for side in image.shape[:2])
        layout = windows(height, width, tile_px=WINDOW_PX, halo_px=HALO_PX)
        if max(height, width) <= WINDOW_PX + 2 * HALO_PX:
            layout = [Window(0, 0, height, width, 0, 0, height, width)]
        return self._repair(image, mask, layout, how)

    def repair(self, rgb: NDArray[np.uint8], boxes: list[Box]) -> DeblurPatch:
        """Repair what the engine finds blurred inside boxes (frame px); the rest is not even looked at."""
        image = checked_rgb(rgb)
        allowed = np.zeros(image.shape[:2], np.bool_)
        layout = []
        for box in boxes:
            x0, y0, x1, y1 = (round(side) for side in box)
            allowed[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
            layout += windows_around(
                (y0, x0, y1, x1), image.shape[:2], tile_px=WINDOW_PX, halo_px=HALO_PX, multiple=MULTIPLE_PX
            )
        return self._repair(image, None, layout, "auto", allowed)

    def close(self) -> None:
        """Give the engines' memory back."""
        for session in (self.session, self.dense, self.cells):
            session.close()

    def _repair(
        self,
        image: NDArray[np.uint8],
        mask: Bools | None,
        layout: list[Window],
        how: How | Literal["auto"],
        allowed: Bools | None = None,
    ) -> DeblurPatch:
        height, width = image.shape[:2]
        size = (tiling.round_up(height, MULTIPLE_PX), tiling.round_up(width, MULTIPLE_PX))
        padded = pad(image, *size)
        out, used = padded.copy(), np.zeros(size, np.bool_)
        motion = np.zeros((size[0] // CELL_PX, size[1] // CELL_PX, 4), np.float32)
        given, within = (None if m is None else _padded(m, size) for m in (mask, allowed))
        ways: list[How] = []
        looked = restored = 0
        for window in layout:
            work = self._analyse(padded[window.read])
            cells = work.found if given is None else cells_of(given[window.read])
            if within is not None:
                cells &= cells_of(within[window.read])
            kept = grow(cells, self.params.grow_cells)
            way = _way(kept, how)
            picture = self._restore(work, kept, way)
            rows, columns = (slice(s.start // CELL_PX, s.stop // CELL_PX) for s in window.write)
            inner = tuple(slice(s.start // CELL_PX, s.stop // CELL_PX) for s in window.inner)
            writable = pixels_of(kept)[window.inner] if given is None else given[window.write]
            if within is not None:
                writable &= within[window.write]
            if picture is not None:
                out[window.write][writable] = picture[window.inner][writable]
            used[window.write] |= writable
            motion[rows, columns] = self._motion(work)[inner]
            ways.append(way)
            looked += work.image[0, 0].size
            restored += int(kept.sum())
        return self._patch((out, used, motion), (height, width), ways, looked, restored)

    def _patch(
        self,
        made: tuple[NDArray[np.uint8], Bools, Floats],
        size: tuple[int, int],
        ways: list[How],
        looked: int,
        restored: int,
    ) -> DeblurPatch:
        """The patch at the picture's size, with what it cost."""
        out, used, motion = made
        cells = looked // CELL_PX**2
        base = looked * self.params.macs_a_pixel
        every = next((w for w in ("dense", "tiles", "cells") if w in ways), "none")
        run = restored if every == "cells" else cells if every in ("dense", "tiles") else 0
        return DeblurPatch(
            rgb=np.ascontiguousarray(out[: size[0], : size[1]]),
            mask=np.ascontiguousarray(used[: size[0], : size[1]]),
            motion=motion,
            kept_fraction=restored / cells if cells else 0.0,
            how=every,  # type: ignore[arg-type]
            macs=base + run * self.params.macs_a_cell,
            macs_dense=base + cells * self.params.macs_a_cell,
        )

    def _analyse(self, image: NDArray[np.uint8]) -> _Work:
        """Which cells moved, and how. Raises QcError when the engine gives rubbish."""
        spec = self.session.spec
        tensor = to_tensor([np.ascontiguousarray(image)], spec)
        outputs = self.session.run({"image": tensor})
        check_range(spec, "mask", outputs["mask"], (0.0, 1.0))
        check_range(spec, "code", outputs["code"], (-1e3, 1e3))
        return _Work(tensor, outputs["code"], np.asarray(outputs["mask"][0, 0] > self.params.threshold))

    def _restore(self, work: _Work, kept: Bools, way: How) -> NDArray[np.uint8] | None:
        """The window as uint8, or None when there is nothing to do."""
        if way == "none":
            return None
        if way == "cells":
            cells, neighbours = list_cells(kept)
            code = np.ascontiguousarray(work.code[0][:, kept].T)
            feed = {"image": work.image, "code": code, "cells": cells, "neighbours": neighbours}
            return _to_bytes(self.cells.run(feed)["restored"], self.cells.spec)
        if way == "tiles":
            return self._restore_tiles(work, kept)
        return self._run_dense(work.image, work.code, kept[None, None])

    def _run_dense(self, image: Floats, code: Floats, kept: Bools) -> NDArray[np.uint8]:
        feed = {"image": image, "code": code, "kept": kept.astype(np.float32)}
        feed = {name: np.ascontiguousarray(array) for name, array in feed.items()}
        return _to_bytes(self.dense.run(feed)["restored"], self.dense.spec)

    def _restore_tiles(self, work: _Work, kept: Bools) -> NDArray[np.uint8]:
        """Tiles with kept cells in them, each with its halo, through the dense graph."""
        height, width = work.image.shape[2:]
        out = _to_bytes(work.image, self.dense.spec)
        for tile in windows(height, width, tile_px=TILE_PX, halo_px=RESTORER_REACH_PX):
            rows, columns = (slice(s.start // CELL_PX, s.stop // CELL_PX) for s in tile.read)
            inside = (slice(s.start // CELL_PX, s.stop // CELL_PX) for s in tile.write)
            if kept[tuple(inside)].any():
                part = self._run_dense(
                    work.image[:, :, *tile.read],
                    work.code[:, :, rows, columns],
                    kept[None, None, rows, columns],
                )
                out[tile.write] = part[tile.inner]
        return out

    def _motion(self, work: _Work) -> Floats:
        scales = (self.params.chord_scale_px, self.params.sagitta_scale_px)
        return decode_paths(work.code[0].transpose(1, 2, 0), *scales)


def _way(kept: Bools, how: How | Literal["auto"]) -> How:
    share = float(kept.mean())
    if share == 0:
        return "none"
    if how != "auto":
        return how
    return "cells" if share <= BREAK_EVEN else "dense"


def _padded(mask: Bools, size: tuple[int, int]) -> Bools:
    below, right = size[0] - mask.shape[0], size[1] - mask.shape[1]
    return np.pad(mask, ((0, below), (0, right)))


def _to_bytes(restored: Floats, spec: EngineSpec) -> NDArray[np.uint8]:
    """(1, 3, H, W) -> (H, W, 3) uint8. Raises QcError when the engine gives rubbish."""
    check_range(spec, "restored", restored, (-100.0, 100.0))
    return np.asarray(np.rint(restored[0].transpose(1, 2, 0).clip(0, 1) * 255), np.uint8)


def _read_params(spec: EngineSpec) -> DeblurParams:
    """Raises EngineError unless the engine is one that deblurs."""
    where = spec.folder / "engine.yaml"
    if spec.task != "deblur" or spec.decoder != "blur_paths":
        got = f"task {spec.task!r}, decoder {spec.decoder!r}"
        raise EngineError(f"{where}: {got} cannot deblur; choose an engine of task 'deblur'")
    try:
        return DeblurParams.model_validate(spec.params)
    except ValidationError as error:
        told = "; ".join(f"params.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise EngineError(f"{where}: {told}; correct that place") from error
