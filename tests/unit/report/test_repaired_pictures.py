"""What a stranger's report names as a repaired picture is looked at only inside its reports folder."""

from dataclasses import replace

import pytest

from qc_plugin.report.repairs import repaired_pictures
from qc_plugin.report.write import write_report
from qc_plugin.types import Repair
from tests.support.fake_report import fake_report


@pytest.fixture
def named(tmp_path):
    """The pictures that are found for a report whose first frame names `uri`."""

    def build(uri):
        receipt = Repair(status="accepted", pixels_changed=1, share=0.1, before=0.5, after=0.1, patch_uri=uri)
        made = fake_report(n_frames=2)
        rows = (replace(made.frames[0], repair=receipt), *made.frames[1:])
        return repaired_pictures(write_report(replace(made, frames=rows), tmp_path / "reports"))

    (tmp_path / "secret.jpg").write_bytes(b"x")
    stills = tmp_path / "reports/_stills/x-y"
    stills.mkdir(parents=True)
    (stills / "a.jpg").write_bytes(b"x")
    (stills / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return build


def test_a_picture_of_the_reports_folder_is_found(named):
    (picture,) = named("../../../_stills/x-y/a.jpg").values()
    assert picture.name == "a.jpg"


@pytest.mark.parametrize(
    "uri",
    ["/etc/passwd", "../../../../secret.jpg", "../../../_stills/x-y/link.jpg", "a\0b", "file:///etc/passwd"],
)
def test_what_lies_elsewhere_is_not_looked_at(named, uri):
    assert named(uri) == {}
