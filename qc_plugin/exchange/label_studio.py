"""Label Studio: tasks with predictions out, tasks with annotations in; masks in its brush code.

The brush code is a stream of bits: 32 for the number of values, 5 for the bits of a value, four times 4 for
the bits of the four lengths; then blocks of 1 bit "repeated", 2 bits which length, the length, the values.
Values are the RGBA bytes of the whole picture; the mask is the alpha.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from qc_plugin.errors import UsageError
from qc_plugin.exchange.labels import (
    BLUR,
    LabelBox,
    LabelFrame,
    Labels,
    clipped,
    enlarge,
    index_in,
    kind_of,
    reduce,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LENGTH_BITS = (3, 4, 8, 16)
_CHANNELS = 4


def write_label_studio(labels: Labels) -> str:
    """`labels` as Label Studio tasks; what we found is a prediction, for people to correct."""
    tasks = []
    for frame in labels.frames:
        found = [_region(box, n, labels) for n, box in enumerate(frame.boxes)]
        if frame.mask is not None:
            found.append(_brush(enlarge(frame.mask, labels.height_px, labels.width_px)))
        tasks.append(
            {
                "data": {
                    "image": frame.name,
                    "qc_asset_id": labels.asset_id,
                    "qc_frame_index": frame.frame_index,
                },
                "predictions": [{"model_version": "qc-plugin", "result": found}],
            }
        )
    return json.dumps(tasks) + "\n"


def read_label_studio(text: str, labels: Labels, size: tuple[int, int]) -> Labels:
    """Labels in Label Studio's JSON export; masks at `size` (h, w). Raises UsageError."""
    try:
        frames = tuple(_task(task, labels, size) for task in json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"not a Label Studio export as we can read it ({what}); export it as JSON"
        ) from error
    return Labels(labels.asset_id, labels.width_px, labels.height_px, frames)


def encode_brush(alpha: NDArray[np.bool_]) -> list[int]:
    """A mask (h, w) in brush code, as bytes."""
    flat = np.repeat(alpha.ravel().astype(np.uint8) * 255, _CHANNELS)
    bits = [f"{flat.size:032b}", f"{8 - 1:05b}", *(f"{n - 1:04b}" for n in _LENGTH_BITS)]
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate(([0], edges))
    for start, run in zip(starts, np.diff(starts, append=flat.size), strict=True):
        bits += _blocks(int(run), int(flat[start]))
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return [int(stream[i : i + 8], 2) for i in range(0, len(stream), 8)]


def decode_brush(code: list[int], height: int, width: int) -> NDArray[np.bool_]:
    """The mask (h, w) in brush code. Raises ValueError for a code of another size, or one cut short."""
    bits = _Bits(bytes(code))
    n_values = bits.take(32)
    if n_values != height * width * _CHANNELS:
        raise ValueError(
            f"the brush holds {n_values} values, {width}x{height} px need {height * width * _CHANNELS}"
        )
    word = bits.take(5) + 1
    lengths = [bits.take(4) + 1 for _ in range(4)]
    values = np.zeros(n_values, np.uint8)
    done = 0
    while done < n_values:
        repeated = bits.take(1)
        run = bits.take(lengths[bits.take(2)]) + 1
        if done + run > n_values:
            raise ValueError("the brush holds more values than it says")
        for place in (slice(done, done + run),) if repeated else range(done, done + run):
            values[place] = bits.take(word) & 0xFF
        done += run
    return np.asarray(values.reshape(height, width, _CHANNELS)[..., 3] > 0)


class _Bits:
    """Reads whole numbers from a stream of bits."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._end = data, 0, 8 * len(data)

    def take(self, n: int) -> int:
        """The next `n` bits. Raises ValueError at the end."""
        if self._at + n > self._end:
            raise ValueError("the brush is cut short")
        first, last = self._at // 8, (self._at + n + 7) // 8
        window = int.from_bytes(self._data[first:last], "big")
        window >>= 8 * last - self._at - n
        self._at += n
        return window & ((1 << n) - 1)


def _blocks(run: int, value: int) -> list[str]:
    """One run as blocks of at most the longest length."""
    made = []
    while run:
        which = next((n for n, bits in enumerate(_LENGTH_BITS) if run <= 1 << bits), len(_LENGTH_BITS) - 1)
        part = min(run, 1 << _LENGTH_BITS[which])
        made.append(f"1{which:02b}{part - 1:0{_LENGTH_BITS[which]}b}{value:08b}")
        run -= part
    return made


def _region(box: LabelBox, n: int, labels: Labels) -> dict[str, Any]:
    x0, y0, x1, y1 = box.box_xyxy
    across, down = 100 / labels.width_px, 100 / labels.height_px
    place = {"x": x0 * across, "y": y0 * down, "width": (x1 - x0) * across, "height": (y1 - y0) * down}
    return {
        **_place("region", labels.width_px, labels.height_px),
        "id": f"{box.kind}-{n}",
        "type": "rectanglelabels",
        "value": {**place, "rotation": 0, "rectanglelabels": [box.kind]},
        "score": box.confidence,
        "meta": {"track_id": box.track},
    }


def _brush(mask: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        **_place("blur", mask.shape[1], mask.shape[0]),
        "id": "blur",
        "type": "brushlabels",
        "value": {"format": "rle", "rle": encode_brush(mask), "brushlabels": [BLUR]},
    }


def _place(name: str, width: int, height: int) -> dict[str, Any]:
    size = {"original_width": width, "original_height": height, "image_rotation": 0}
    return {"from_name": name, "to_name": "image", **size}


def _task(task: dict[str, Any], labels: Labels, size: tuple[int, int]) -> LabelFrame:
    """What people made of it; our own prediction where nobody has looked yet."""
    data = task["data"]
    index = data.get("qc_frame_index")
    made = [a for a in task.get("annotations") or () if not a.get("was_cancelled")] or task.get("predictions")
    result = made[-1]["result"] if made else []
    boxes, mask = [], np.zeros((labels.height_px, labels.width_px), bool)
    for each in result:
        value = each["value"]
        if each["type"] == "rectanglelabels":
            boxes.append(_box(each, value, labels))
        elif each["type"] == "brushlabels":
            mask |= decode_brush(value["rle"], labels.height_px, labels.width_px)
    number = index_in(str(data["image"])) if index is None else int(index)
    return LabelFrame(number, str(data["image"]), tuple(boxes), reduce(mask, size))


def _box(each: dict[str, Any], value: dict[str, Any], labels: Labels) -> LabelBox:
    if value.get("rotation"):
        raise ValueError("a rotated box; our regions are upright")
    x0, y0 = value["x"] * labels.width_px / 100, value["y"] * labels.height_px / 100
    corners = (
        x0,
        y0,
        x0 + value["width"] * labels.width_px / 100,
        y0 + value["height"] * labels.height_px / 100,
    )
    track = (each.get("meta") or {}).get("track_id")
    kind = kind_of(value["rectanglelabels"][0])
    return LabelBox(kind, clipped(corners, labels.width_px, labels.height_px), track, each.get("score"))
