"""Rename the weights of the first sketch (an .npz of its state dict) to this recipe's names.

The network is the same; only modules were named. Used once, to start from trained weights.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import torch

from .model import Segmenter

if TYPE_CHECKING:
    from pathlib import Path

_RENAMES = (  # applied in order; the sketch's terse names on the left
    (r"^stem\.f\.(\d)\.weight$", r"energy.bank\1"),
    (r"^stem\.mix\.", "mix."),
    (r"^e0\.", "enter."),
    (r"^enc\.", "encode."),
    (r"^lat\.(\d)\.", r"up.\1.reduce."),
    (r"^dec\.0\.", "up.0.refine.0."),  # the finest decoder step had no list around it
    (r"^dec\.(\d)\.", r"up.\1.refine."),
    (r"^aux\.", "coarse."),
    (r"\.a\.", ".first."),
    (r"\.b\.", ".second."),
)


def rename(key: str) -> str:
    """Our name of one of the sketch's parameters."""
    for pattern, replacement in _RENAMES:
        key = re.sub(pattern, replacement, key)
    return key


def load_sketch(path: Path) -> Segmenter:
    """A `Segmenter` with the sketch's weights; every parameter must find its place."""
    state = {}
    with np.load(path) as archive:
        for key, value in archive.items():
            state[rename(key)] = torch.from_numpy(
                value.astype(np.float32) if value.dtype == np.float16 else value
            )
    network = Segmenter()
    state["energy.luma"] = network.energy.luma
    network.load_weights(state)
    return network.eval()
