"""CVAT for images 1.1: boxes, and masks as run lengths over the rows of their own rectangle."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

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
from qc_plugin.exchange.xml_text import child, document, parse
from qc_plugin.rle import from_run_lengths, run_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_cvat(labels: Labels) -> str:
    """`labels` as CVAT XML, ready for "Upload annotations"."""
    root = ET.Element("annotations")
    child(root, "version", "1.1")
    for n, frame in enumerate(labels.frames):
        image = child(root, "image", id=n, name=frame.name, width=labels.width_px, height=labels.height_px)
        for box in frame.boxes:
            x0, y0, x1, y1 = (f"{v:.2f}" for v in box.box_xyxy)
            made = child(
                image,
                "box",
                label=box.kind,
                source="auto",
                occluded=0,
                xtl=x0,
                ytl=y0,
                xbr=x1,
                ybr=y1,
                z_order=0,
            )
            if box.track is not None:
                child(made, "attribute", box.track, name="track_id")
        if frame.mask is not None:
            _write_mask(image, enlarge(frame.mask, labels.height_px, labels.width_px))
    return document(root)


def read_cvat(data: bytes, labels: Labels, size: tuple[int, int]) -> Labels:
    """Labels in CVAT XML for the frames of `labels`; masks at `size` (h, w). Raises UsageError."""
    root = parse(data)
    if root.tag != "annotations":
        raise UsageError(f"the file begins with <{root.tag[:40]}>; export it as `CVAT for images 1.1`")
    try:
        frames = tuple(_read_image(image, labels, size) for image in root.findall("image"))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"not CVAT as we can read it ({error}); export `CVAT for images 1.1`") from error
    return Labels(labels.asset_id, labels.width_px, labels.height_px, frames)


def _write_mask(image: ET.Element, mask: NDArray[np.bool_]) -> None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return
    top, left = int(rows[0]), int(columns[0])
    part = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    runs = ", ".join(map(str, run_lengths(part.ravel()).tolist()))
    child(
        image, "mask", label=BLUR, source="auto", occluded=0, rle=runs,
        left=left, top=top, width=part.shape[1], height=part.shape[0], z_order=0,
    )  # fmt: skip


def _read_image(image: ET.Element, labels: Labels, size: tuple[int, int]) -> LabelFrame:
    mask = np.zeros((labels.height_px, labels.width_px), bool)
    for each in image.findall("mask"):
        if each.attrib["label"].lower() != BLUR:
            raise ValueError(f"a mask of class `{each.attrib['label']}`")
        _read_mask(each, mask)
    boxes = tuple(_read_box(each, labels) for each in image.findall("box"))
    return LabelFrame(index_in(image.attrib["name"]), image.attrib["name"], boxes, reduce(mask, size))


def _read_box(each: ET.Element, labels: Labels) -> LabelBox:
    corners = [float(each.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr")]
    track = next((a.text for a in each.findall("attribute") if a.get("name") == "track_id" and a.text), None)
    kind = kind_of(each.attrib["label"])
    box = clipped(corners, labels.width_px, labels.height_px)
    return LabelBox(kind, box, None if track is None else int(track))


def _read_mask(each: ET.Element, into: NDArray[np.bool_]) -> None:
    left, top, width, height = (int(each.attrib[name]) for name in ("left", "top", "width", "height"))
    runs = np.array([int(run) for run in each.attrib["rle"].split(",")], np.int64)
    inside = left >= 0 and top >= 0 and left + width <= into.shape[1] and top + height <= into.shape[0]
    if not inside:
        raise ValueError("a mask that leaves the frame")
    part = from_run_lengths(runs, width * height)
    into[top : top + height, left : left + width] |= part.reshape(height, width)
