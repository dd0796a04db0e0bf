"""The review page: one offline HTML file in which a person decides frame by frame and saves the decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.pages.html_page import render_page, write_page
from qc_plugin.pages.review_choice import DECISIONS_SCHEMA, shared
from qc_plugin.pages.review_view import ReviewAsset, ReviewPictures, review_view
from qc_plugin.pages.sheet_words import DECISION_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["DECISIONS_SCHEMA", "ReviewAsset", "ReviewPictures", "render_review", "shared", "write_review"]


def write_review(assets: Sequence[ReviewAsset], path: Path) -> Path:
    """Write the review page of `assets` to `path` and return it; an older one there is replaced whole.

    Raises UsageError when `path` cannot be written, TemporaryError when the disk is full.
    """
    return write_page(render_review(assets), path, what="the review page")


def render_review(assets: Sequence[ReviewAsset]) -> str:
    """The page as HTML text. All that comes from outside is escaped, and the page may load nothing."""
    view = review_view(assets)
    records = {item.id: item.record for item in view.items}
    values = {"view": view, "records": records, "words": DECISION_WORDS, "schema": DECISIONS_SCHEMA}
    return render_page("review.html.j2", values, styles=["sheet.css", "review.css"], scripts=["review.js"])
