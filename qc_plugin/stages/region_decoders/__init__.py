"""From the outputs of a region engine to boxes: one function per kind of engine, listed in `DECODERS`.

A decoder is pure numpy. It takes the named outputs of a batch, the engine's `params`, its class names and
the size of the network's input, and gives per picture an (n, 6) float32 array `x0, y0, x1, y1, confidence,
class` in px of that input, best first, overlaps removed. Boxes may reach beyond the picture: only the caller
knows where padding begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from qc_plugin.errors import EngineError
from qc_plugin.stages.region_decoders.blaze import BlazeParams, decode_blaze
from qc_plugin.stages.region_decoders.boxes import BoxParams, Outputs, Size, checked_params, suppress
from qc_plugin.stages.region_decoders.centre_ltrb import CentreLtrbParams, decode_centre_ltrb
from qc_plugin.stages.region_decoders.yunet import YuNetParams, decode_yunet

__all__ = [
    "DECODERS",
    "Decoder",
    "decode_blaze",
    "decode_centre_ltrb",
    "decode_yunet",
    "read_params",
    "suppress",
]

Params = TypeVar("Params", bound=BoxParams)
Decode = Callable[[Outputs, Mapping[str, JsonValue], Sequence[str], Size], list[NDArray[np.float32]]]
_ANY = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))  # infinity and NaN are rubbish


@dataclass(frozen=True, slots=True)
class Decoder:
    """`params`: what engine.yaml may say. `ranges`: values an output may have, by how its name begins."""

    decode: Decode
    params: type[BoxParams]
    ranges: Mapping[str, tuple[float, float]]

    def range_of(self, output: str) -> tuple[float, float]:
        """Least and largest value that output may hold."""
        return next((ends for start, ends in self.ranges.items() if output.startswith(start)), _ANY)


DECODERS: dict[str, Decoder] = {
    "centre_ltrb": Decoder(
        decode_centre_ltrb, CentreLtrbParams, {"heat": (0.0, 1.0), "box": (0.0, float("inf"))}
    ),
    "yunet": Decoder(decode_yunet, YuNetParams, {"cls": (0.0, 1.0), "obj": (0.0, 1.0)}),
    "blaze": Decoder(decode_blaze, BlazeParams, {}),
}


def read_params(decoder: str, params: Mapping[str, JsonValue], classes: Sequence[str]) -> BoxParams:
    """Checked `params` of a decoder. Raises EngineError, naming the place, if they or the name are wrong."""
    if decoder not in DECODERS:
        raise EngineError(f"decoder {decoder!r}: unknown; choose one of {', '.join(sorted(DECODERS))}")
    return checked_params(DECODERS[decoder].params, params, classes)
