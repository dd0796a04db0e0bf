"""Labelling formats: what goes out comes back, other tools read it, and broken files get a sentence."""

import io
import json
from contextlib import redirect_stdout
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qc_plugin.errors import QcError, UsageError
from qc_plugin.exchange.coco import read_coco, write_coco
from qc_plugin.exchange.cvat import read_cvat, write_cvat
from qc_plugin.exchange.label_studio import decode_brush, encode_brush, read_label_studio, write_label_studio
from qc_plugin.exchange.labels import (
    LabelBox,
    LabelFrame,
    Labels,
    changes,
    enlarge,
    index_in,
    labels_of,
    reduce,
)
from qc_plugin.report.read import read_report
from qc_plugin.rle import decode, encode

FORMATS = {
    "coco": (write_coco, read_coco),
    "cvat": (write_cvat, lambda text, labels, size: read_cvat(text.encode(), labels, size)),
    "labelstudio": (write_label_studio, read_label_studio),
}


@pytest.mark.parametrize("name", FORMATS)
def test_what_goes_out_comes_back(name, labels, size):
    write, read = FORMATS[name]
    back = read(write(labels), labels, size)
    assert changes(labels, back) == []
    assert len(back.frames) == len(labels.frames)
    for then, now in zip(labels.frames, back.frames, strict=True):
        assert now.frame_index == then.frame_index
        assert [(b.kind, b.track) for b in now.boxes] == [(b.kind, b.track) for b in then.boxes]
        for old, new in zip(then.boxes, now.boxes, strict=True):
            assert new.box_xyxy == pytest.approx(old.box_xyxy, abs=0.01)
        assert (now.mask is None) == (then.mask is None)
        if then.mask is not None:
            assert now.mask.counts == then.mask.counts
    assert any(f.mask is not None for f in back.frames)


@pytest.mark.parametrize("name", FORMATS)
def test_what_people_change_is_seen(name, labels, size):
    write, read = FORMATS[name]
    first, second, third = [f for f in labels.frames if f.mask is not None][:3]
    moved = replace(first.boxes[0], box_xyxy=tuple(v + 20 for v in first.boxes[0].box_xyxy))
    grown = decode(third.mask)
    grown[:10, :10] = True
    edited = (
        replace(first, boxes=(moved, *first.boxes[1:])),
        replace(second, boxes=(*second.boxes, LabelBox("person", (10.0, 10.0, 300.0, 700.0)))),
        replace(third, mask=encode(grown)),
    )
    found = changes(labels, read(write(replace(labels, frames=edited)), labels, size))
    assert [text.split(":")[0] for text in found] == [f"frame {f.frame_index}" for f in edited]
    assert "face boxes 1 -> 1, 0 unchanged" in found[0]
    assert "person boxes 0 -> 1" in found[1]
    assert "blur mask overlaps" in found[2]


@given(
    arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))), st.integers(0, 30), st.integers(0, 30)
)
def test_a_mask_survives_the_frame_size(mask, more_rows, more_columns):
    height, width = mask.shape[0] + more_rows, mask.shape[1] + more_columns
    full = enlarge(encode(mask), height, width)
    back = reduce(full, mask.shape)
    assert (decode(back) == mask).all() if mask.any() else back is None


@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_the_brush_is_an_identity(mask):
    assert (decode_brush(encode_brush(mask), *mask.shape) == mask).all()


def test_a_long_run_is_cut_into_blocks():
    mask = np.zeros((300, 400), bool)
    mask[100:, :] = True
    code = encode_brush(mask)
    assert len(code) < 100
    assert (decode_brush(code, 300, 400) == mask).all()


@settings(max_examples=300)
@given(st.lists(st.integers(0, 255), max_size=60))
def test_any_brush_is_a_mask_or_a_value_error(code):
    try:
        assert decode_brush(code, 2, 3).shape == (2, 3)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - both are right


def test_pycocotools_reads_what_we_write(labels):
    """The reference implementation: same boxes, and masks pixel by pixel."""
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = json.loads(write_coco(labels))
    with redirect_stdout(io.StringIO()):
        coco.createIndex()
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["face", "hand", "person", "motion_blur"]
    n_masks = 0
    for image in coco.loadImgs(coco.getImgIds()):
        frame = next(f for f in labels.frames if f.frame_index == image["qc_frame_index"])
        made = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        boxes = [a["bbox"] for a in made if not a["iscrowd"]]
        corners = np.array([b.box_xyxy for b in frame.boxes])
        expected = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
        assert np.allclose(boxes, expected)
        for annotation in (a for a in made if a["iscrowd"]):
            mask = coco.annToMask(annotation).astype(bool)
            assert (mask == enlarge(frame.mask, labels.height_px, labels.width_px)).all()
            assert annotation["area"] == mask.sum()
            n_masks += 1
    assert n_masks == sum(f.mask is not None for f in labels.frames)


def test_masks_that_pycocotools_wrote_are_read(labels, size):
    from pycocotools import mask as tools

    frame = next(f for f in labels.frames if f.mask is not None)
    data = json.loads(write_coco(replace(labels, frames=(frame,))))
    full = enlarge(frame.mask, labels.height_px, labels.width_px)
    made = tools.encode(np.asfortranarray(full.astype(np.uint8)))
    data["annotations"][-1]["segmentation"] = {"size": made["size"], "counts": made["counts"].decode()}
    assert changes(labels, read_coco(json.dumps(data), labels, size)) == []
    runs = np.diff(np.flatnonzero(np.diff(full.ravel(order="F").astype(int), prepend=2, append=2)))
    data["annotations"][-1]["segmentation"]["counts"] = [0, *runs.tolist()] if full[0, 0] else runs.tolist()
    assert changes(labels, read_coco(json.dumps(data), labels, size)) == []


def test_polygons_are_filled(labels, size):
    frame = replace(labels.frames[0], mask=None)
    data = json.loads(write_coco(replace(labels, frames=(frame,))))
    ring = [0, 0, 640, 0, 640, 360, 0, 360]
    data["annotations"].append(
        {
            "id": 99,
            "image_id": 1,
            "category_id": 4,
            "bbox": [0, 0, 640, 360],
            "segmentation": [ring],
            "iscrowd": 0,
        }
    )
    mask = decode(read_coco(json.dumps(data), labels, size).frames[0].mask)
    assert mask[: size[0] // 2, : size[1] // 2].all()
    assert mask.mean() == pytest.approx(0.25, abs=0.01)


def test_a_tool_that_drops_our_keys_is_understood_by_names(labels, size):
    data = json.loads(write_coco(labels))
    for image in data["images"]:
        del image["qc_frame_index"], image["qc_asset_id"]
    for annotation in data["annotations"]:
        annotation.pop("attributes", None)
    assert changes(labels, read_coco(json.dumps(data), labels, size)) == []


def test_label_studio_prefers_what_people_made(labels, size):
    tasks = json.loads(write_label_studio(labels))
    tasks[0]["annotations"] = [
        {"was_cancelled": True, "result": tasks[0]["predictions"][0]["result"]},
        {"result": []},
    ]
    del tasks[0]["data"]["qc_frame_index"]
    back = read_label_studio(json.dumps(tasks), labels, size)
    assert (back.frames[0].frame_index, back.frames[0].boxes) == (labels.frames[0].frame_index, ())


# Made by `mask2rle` of label-studio-sdk 2.1.2 from `_brushed()`; that tool reads ours back, pixel by pixel.
BRUSH = bytes.fromhex("000001f8391bfe33008fff2180617ffc3e0185fff0f80617ffc3e0185fff2580 47ff9ac000")


def _brushed():
    """A block, a pixel at the left edge and one in a corner."""
    mask = np.zeros((9, 14), bool)
    mask[2:6, 3:9] = mask[7, 0] = mask[0, 13] = True
    return mask


def test_a_brush_of_label_studio_is_read():
    assert (decode_brush(list(BRUSH), 9, 14) == _brushed()).all()
    assert (decode_brush(encode_brush(_brushed()), 9, 14) == _brushed()).all()


def _coco(picture="frame-7.jpg", name="face", **annotation):
    images, categories = [{"id": 1, "file_name": picture}], [{"id": 1, "name": name}]
    made = [{"image_id": 1, "category_id": 1, **annotation}] if annotation else []
    return json.dumps({"images": images, "categories": categories, "annotations": made})


def _cvat(tag, **attributes):
    places = " ".join(f"{name}='{value}'" for name, value in attributes.items())
    return f"<annotations><image name='frame-1'><{tag} {places}/></image></annotations>"


def _studio(kind, **value):
    made = [{"result": [{"type": kind, "value": value}]}]
    return json.dumps([{"data": {"image": "frame-1"}, "annotations": made}])


MASK = {"label": "motion_blur", "top": 0, "width": 2, "height": 2}
HUGE = {"size": [9_999_999, 9_999_999], "counts": [1]}
BOX = {"x": 0, "y": 0, "width": 1, "height": 1}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("coco", "", "COCO"),
        ("coco", "[]", "COCO"),
        ("coco", "{}", "KeyError"),
        ("coco", _coco("holiday.jpg"), "names no frame"),
        ("coco", _coco(image_id=2), "COCO"),
        ("coco", _coco(name="cat", bbox=[0, 0, 1, 1]), "unknown class `cat`"),
        ("coco", _coco(bbox=[5, 5, -9, 1]), "ends before it begins"),
        ("coco", _coco(bbox=[5, 5, 1e999, 1]), "a box has"),
        ("coco", _coco(name="motion_blur", segmentation=HUGE), "for a frame of"),
        ("cvat", "", "broken"),
        ("cvat", "<annotations><image", "broken"),
        ("cvat", "<html/>", "CVAT"),
        ("cvat", _cvat("mask", **MASK, left=0, rle="99999999999"), "pixels in runs"),
        ("cvat", _cvat("mask", **MASK, left=-1, rle="4"), "leaves the frame"),
        ("cvat", _cvat("box", label="face", xtl="a", ytl=0, xbr=1, ybr=1), "float"),
        ("labelstudio", "7", "Label Studio"),
        ("labelstudio", _studio("brushlabels", rle=[0, 0, 0, 8]), "brush"),
        ("labelstudio", _studio("rectanglelabels", **BOX, rotation=9, rectanglelabels=["face"]), "rotated"),
    ],
)
def test_broken_files_get_a_sentence(name, text, words, labels, size):
    with pytest.raises(UsageError) as caught:
        FORMATS[name][1](text, labels, size)
    assert words in str(caught.value)


BOMB = """<?xml version="1.0"?>
<!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>
<annotations>&c;</annotations>"""
OUTSIDE = """<!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/passwd">]><annotations>&secret;</annotations>"""


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, "<!DOCTYPE a><annotations/>", "<a>" * 200])
def test_dangerous_xml_is_refused(text, labels, size):
    with pytest.raises(UsageError, match=r"DOCTYPE|nested") as caught:
        read_cvat(text.encode(), labels, size)
    assert "root:" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_labels_or_an_error_of_ours(data):
    labels = Labels("id", 8, 8, (LabelFrame(0, "frame-0", (), None),))
    for _, read in FORMATS.values():
        try:
            read(data.decode("latin-1"), labels, (2, 2))
        except QcError as error:
            assert str(error)  # noqa: PT017 - both are right


def test_labels_of_another_report_are_refused(labels):
    stranger = replace(labels, frames=(replace(labels.frames[0], frame_index=99_999),))
    with pytest.raises(UsageError, match="frame 99999 is not in this report"):
        changes(labels, stranger)


def test_a_report_without_frames_has_no_labels(error_path):
    with pytest.raises(UsageError, match="no video stream was found"):
        labels_of(read_report(error_path))


def test_an_artwork_has_labels(artwork_path):
    (frame,) = labels_of(read_report(artwork_path)).frames
    assert index_in(frame.name) == 0
