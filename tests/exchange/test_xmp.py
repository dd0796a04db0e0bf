"""Sidecars that picture tools read: faces in MWG's way, the rest in IPTC's."""

from xml.etree import ElementTree as ET

import pytest

from qc_plugin.exchange.formats import export
from qc_plugin.exchange.xmp import sidecars
from qc_plugin.report.write import write_report

N = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "mwg": "http://www.metadataworkinggroup.com/schemas/regions/",
    "area": "http://ns.adobe.com/xmp/sType/Area#",
    "iptc": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}


def test_one_sidecar_a_ranked_frame_beside_its_still(report, tmp_path):
    paths = export(write_report(report, tmp_path), "xmp", tmp_path / "xmp")
    ranked = sorted((r.rank.rank, r.score.frame_index) for r in report.frames if r.rank.rank is not None)
    assert len(paths) == len(ranked) > 3
    names = sorted(p.name for p in paths)
    assert all(
        name.startswith(f"{rank:02d}-frame-{index:06d}-")
        for name, (rank, index) in zip(names, ranked, strict=True)
    )


def test_names_are_those_that_publish_writes(report, tmp_path):
    from qc_plugin.asset.publish import write_stills
    from qc_plugin.pipeline import Checked

    class Pictures:
        def jpeg(self, _index):
            return b"jpeg"

    write_stills(Checked(report, Pictures()), tmp_path)
    assert {p.stem for p in tmp_path.iterdir()} == {name.removesuffix(".xmp") for name in sidecars(report)}


def test_faces_and_crops_are_where_they_were(report):
    for name, text in sidecars(report).items():
        index = int(name.split("frame-")[1].split("-")[0])
        row = next(r for r in report.frames if r.score.frame_index == index)
        root = ET.fromstring(text)
        (face,) = root.findall(".//mwg:RegionList/rdf:Bag/rdf:li/rdf:Description", N)
        assert face.get(f"{{{N['mwg']}}}Type") == "Face"
        area = face.find("mwg:Area", N)
        x, y, w, h = (float(area.get(f"{{{N['area']}}}{k}")) for k in "xywh")
        box = next(r.region.box_xyxy for r in row.score.regions if r.region.kind == "face")
        size = report.media.width_px, report.media.height_px
        assert ((x - w / 2) * size[0], (y - h / 2) * size[1]) == pytest.approx(box[:2], abs=0.01)
        assert ((x + w / 2) * size[0], (y + h / 2) * size[1]) == pytest.approx(box[2:], abs=0.01)
        found = {}
        for item in root.findall(".//iptc:ImageRegion/rdf:Bag/rdf:li", N):
            place = [
                float(item.find(f"iptc:RegionBoundary/iptc:{k}", N).text)
                for k in ("rbX", "rbY", "rbW", "rbH")
            ]
            found[item.find("iptc:Name/rdf:Alt/rdf:li", N).text] = place
        assert set(found) == {"hand 1", "crop 16:9", "crop 2:3", "crop 1:1"}
        crop = next(c.box_xyxy for c in row.rank.crops if c.ratio == "2:3")
        assert found["crop 2:3"][0] * size[0] == pytest.approx(crop[0], abs=0.01)
        assert found["crop 2:3"][2] * size[0] == pytest.approx(crop[2] - crop[0], abs=0.01)
