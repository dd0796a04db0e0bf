"""XMP sidecars for exported stills: faces as MWG regions, other regions and crops as IPTC image regions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from qc_plugin.exchange.labels import picture_name
from qc_plugin.exchange.xml_text import document, text

if TYPE_CHECKING:
    from qc_plugin.types import AssetReport, Box, FrameRow

_SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "dc": "http://purl.org/dc/elements/1.1/",
}
for _prefix, _uri in _SPACES.items():
    ET.register_namespace(_prefix, _uri)


def sidecars(report: AssetReport) -> dict[str, str]:
    """File name to XMP text, one a ranked frame; the name is that of its still with `.xmp`."""
    made = {}
    for row in report.frames:
        if row.rank.rank is not None:
            name = picture_name(row.score.frame_index, row.rank.rank, row.score.pts_s)
            made[name.removesuffix(".jpg") + ".xmp"] = write_xmp(report, row)
    return made


def write_xmp(report: AssetReport, row: FrameRow) -> str:
    """The XMP packet of one frame."""
    assert report.media is not None
    size = report.media.width_px, report.media.height_px
    root = ET.Element(_q("x", "xmpmeta"))
    rdf = ET.SubElement(root, _q("rdf", "RDF"))
    about = ET.SubElement(rdf, _q("rdf", "Description"), {_q("rdf", "about"): ""})
    source = ET.SubElement(about, _q("dc", "source"))
    source.text = text(f"frame {row.score.frame_index} of {report.asset.id}")
    if report.repaired:
        note = ET.SubElement(about, _q("dc", "description"))
        note.text = "Repaired: parts of this picture were deblurred by qc-plugin."
    _faces(about, row, size)
    _iptc(about, row, size)
    return document(root)


def _faces(about: ET.Element, row: FrameRow, size: tuple[int, int]) -> None:
    """MWG knows Face, Pet, Focus and BarCode; boxes as centre and size, 0..1."""
    faces = [region for region in row.score.regions if region.region.kind == "face"]
    if not faces:
        return
    regions = ET.SubElement(about, _q("mwg-rs", "Regions"), {_q("rdf", "parseType"): "Resource"})
    applied = {_q("stDim", "w"): str(size[0]), _q("stDim", "h"): str(size[1]), _q("stDim", "unit"): "pixel"}
    ET.SubElement(regions, _q("mwg-rs", "AppliedToDimensions"), applied)
    bag = ET.SubElement(ET.SubElement(regions, _q("mwg-rs", "RegionList")), _q("rdf", "Bag"))
    for face in faces:
        x, y, width, height = _shares(face.region.box_xyxy, size)
        item = ET.SubElement(bag, _q("rdf", "li"))
        made = ET.SubElement(item, _q("rdf", "Description"), {_q("mwg-rs", "Type"): "Face"})
        area = {"x": x + width / 2, "y": y + height / 2, "w": width, "h": height}
        known = {_q("stArea", key): f"{value:.6f}" for key, value in area.items()}
        ET.SubElement(made, _q("mwg-rs", "Area"), {**known, _q("stArea", "unit"): "normalized"})


def _iptc(about: ET.Element, row: FrameRow, size: tuple[int, int]) -> None:
    """Hands, people and crops; boxes as corner and size, 0..1."""
    found = [
        (f"{r.region.kind} {r.n}", r.region.box_xyxy) for r in row.score.regions if r.region.kind != "face"
    ]
    found += [(f"crop {crop.ratio}", tuple(map(float, crop.box_xyxy))) for crop in row.rank.crops]  # type: ignore[misc]
    if not found:
        return
    bag = ET.SubElement(ET.SubElement(about, _q("Iptc4xmpExt", "ImageRegion")), _q("rdf", "Bag"))
    for name, box in found:
        item = ET.SubElement(bag, _q("rdf", "li"), {_q("rdf", "parseType"): "Resource"})
        _simple(item, "rId", name.replace(" ", "-").replace(":", "x"))
        boundary = ET.SubElement(
            item, _q("Iptc4xmpExt", "RegionBoundary"), {_q("rdf", "parseType"): "Resource"}
        )
        _simple(boundary, "rbShape", "rectangle")
        _simple(boundary, "rbUnit", "relative")
        for key, value in zip(("rbX", "rbY", "rbW", "rbH"), _shares(box, size), strict=True):
            _simple(boundary, key, f"{value:.6f}")
        alternatives = ET.SubElement(ET.SubElement(item, _q("Iptc4xmpExt", "Name")), _q("rdf", "Alt"))
        label = ET.SubElement(
            alternatives, _q("rdf", "li"), {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"}
        )
        label.text = text(name)


def _simple(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, _q("Iptc4xmpExt", name)).text = value


def _shares(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """x, y, width and height, 0..1 of the frame."""
    x0, y0, x1, y1 = box
    return x0 / size[0], y0 / size[1], (x1 - x0) / size[0], (y1 - y0) / size[1]


def _q(prefix: str, name: str) -> str:
    return f"{{{_SPACES[prefix]}}}{name}"
