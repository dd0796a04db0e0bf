import base64
import re
from dataclasses import replace
from html import unescape

import cv2
import numpy as np
import pytest

from qc_plugin.errors import UsageError
from qc_plugin.pages.sheet import SheetImages, render, wanted_images, write_sheet
from qc_plugin.pages.sheet_images import fit
from qc_plugin.pages.sheet_view import view_of
from tests.support.fake_report import (
    draw_frame,
    draw_pictures,
    draw_regions,
    fake_artwork,
    fake_error,
    fake_report,
    jpeg,
)


@pytest.fixture(scope="module")
def report():
    return fake_report()


@pytest.fixture(scope="module")
def images(report):
    return _images(report)


def _images(report):
    wanted = wanted_images(report)
    return SheetImages(draw_pictures(wanted.frames), draw_regions(wanted.region_crops))


def test_a_sheet_holds_each_picture_once(report, images):
    html = render(report, images)
    for data in images.frames.values():
        assert html.count(base64.b64encode(data).decode()) == 1


def test_a_sheet_names_no_address_outside(report, images):
    html = render(report, images)
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)""", html) == []
    assert re.findall(r"url\(|@import|https?://", html) == []
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in unescape(html)


def test_equal_reports_give_equal_sheets(report, images):
    assert render(report, images) == render(fake_report(), images)


def test_hostile_text_is_escaped_wherever_it_comes_from(report):
    evil = "</script><script>alert(1)</script><b a=\"'>"
    finding = replace(report.findings[0], text=evil, rule_id=evil, measure=evil)
    frames = list(report.frames)
    judgement = replace(frames[20].judgement, excluded=evil)
    frames[20] = replace(frames[20], judgement=judgement)
    hostile = replace(
        report,
        asset=replace(report.asset, path=f"/in/{evil}"),
        findings=(finding,),
        frames=tuple(frames),
        funnel={evil: 3},
        rules_text=evil,
        coverage=replace(report.coverage, rules_skipped={evil: evil}),
        media=replace(report.media, notes=(evil,), codec=evil),
        provenance=replace(report.provenance, decoder=evil, sample=evil),
    )
    html = render(hostile, SheetImages())
    assert html.count("<script") == 2
    assert "<b a=" not in html


def test_error_texts_are_escaped_and_say_what_to_do():
    html = render(replace(fake_error(), error="<i>no</i>; send it again"), SheetImages())
    assert "&lt;i&gt;no&lt;/i&gt;; send it again" in html
    assert "Send it again from its source" in html
    assert 'id="best"' not in html


def test_missing_pictures_are_said_to_be_missing(report):
    html = render(report, SheetImages())
    assert "picture not kept" in html
    assert "<image" not in html


def test_artwork_shows_measures_and_no_timeline():
    report = fake_artwork()
    html = render(report, _images(report))
    assert 'id="timeline"' not in html
    assert "Mean brightness" in html
    assert "Time to the nearest cut" not in html


def test_wanted_pictures_are_the_ranked_and_the_flagged(report):
    wanted = wanted_images(report)
    ranked = {row.score.frame_index for row in report.frames if row.rank.rank}
    assert ranked <= set(wanted.frames)
    assert len(wanted.frames) <= 12 + 24
    assert {key[0] for key in wanted.region_crops} <= set(wanted.frames)
    assert {key[1] for key in wanted.region_crops} == {"face", "hand"}
    assert wanted_images(fake_error()).frames == ()


def test_a_heavy_sheet_is_made_lighter():
    report = fake_report()
    noise = np.random.default_rng(0).integers(0, 255, (540, 960, 3), np.uint8)
    heavy = jpeg(noise, 95)
    wanted = wanted_images(report)
    images = SheetImages(dict.fromkeys(wanted.frames, heavy), draw_regions(wanted.region_crops))
    assert len(wanted.frames) * len(heavy) > 15_000_000
    light = fit(images, wanted)
    assert sum(map(len, light.frames.values())) < 4_200_000
    assert light.region_crops.keys() == images.region_crops.keys()
    smaller = cv2.imdecode(np.frombuffer(light.frames[wanted.frames[0]], np.uint8), cv2.IMREAD_COLOR)
    assert smaller.shape[1] >= 320


def test_pictures_nobody_asked_for_are_left_out(report):
    wanted = wanted_images(report)
    images = SheetImages({**draw_pictures(wanted.frames), 999_999: jpeg(draw_frame(0))})
    assert 999_999 not in fit(images, wanted).frames


def test_the_funnel_counts_every_frame_once(report):
    rows = view_of(report, SheetImages()).funnel
    assert sum(row.n for row in rows) == 120
    assert rows[0].title == "Ranked"
    assert [row.n for row in rows[1:]] == sorted((row.n for row in rows[1:]), reverse=True)
    short = view_of(replace(report, funnel={"outranked": 5}), SheetImages()).funnel
    assert short[-1].title == "No reason given"
    assert sum(row.n for row in short) == 120


def test_a_report_without_picks_says_so(report):
    bare = tuple(
        replace(r, rank=replace(r.rank, rank=None, rank_by_crop={}, crops=())) for r in report.frames
    )
    html = render(replace(report, frames=bare), SheetImages())
    assert "No frame was good enough to rank" in html


def test_a_sheet_replaces_the_older_one_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "sheets" / "a.html"
    write_sheet(fake_error(), SheetImages(), path)
    write_sheet(fake_artwork(), SheetImages(), path)
    assert "poster.png" in path.read_text(encoding="utf-8")
    assert list(path.parent.iterdir()) == [path]


def test_an_unwritable_place_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="writable folder"):
        write_sheet(fake_error(), SheetImages(), tmp_path / "file" / "a.html")


def test_odd_file_names_are_written(tmp_path):
    report = replace(fake_error(), error="caf\udce9.mp4: unreadable; send it again")
    text = write_sheet(report, SheetImages(), tmp_path / "a.html").read_text(encoding="utf-8")
    assert r"caf\udce9.mp4" in text
