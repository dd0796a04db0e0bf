"""What a review page says of a still about which no rule could speak."""

from dataclasses import replace

from qc_plugin.pages.review_choice import candidates, record_of
from qc_plugin.pages.review_view import ReviewAsset, ReviewPictures, review_view
from tests.support.fake_report import fake_report


def test_row_61_a_still_that_was_left_out_is_asked_about_with_its_reason():
    whole = fake_report()
    row = whole.frames[0]
    judgement = replace(row.judgement, excluded="too-small", decision="accept", findings=())
    left_out = replace(row, judgement=judgement)
    still = replace(whole, asset=replace(whole.asset, kind="artwork"), frames=(left_out,), verdict="review")
    view = review_view([ReviewAsset(still, candidates(still), ReviewPictures())])
    (item,) = view.items
    assert (item.suggested, item.sentence) == ("review", "Too small: too few pixels to judge by")
    assert record_of(still, left_out)["suggested"] == "review"
