"""The sheet: one offline HTML file that shows a report to people. A view; the report stays the truth."""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from qc_plugin.errors import TemporaryError, UsageError
from qc_plugin.report.sheet_images import SheetImages, WantedImages, fit, wanted_images
from qc_plugin.report.sheet_view import view_of
from qc_plugin.report.write import DISK_FULL

if TYPE_CHECKING:
    from qc_plugin.types import AssetReport

__all__ = ["SheetImages", "WantedImages", "wanted_images", "write_sheet"]

_TEMPLATES = Path(__file__).with_name("templates")


def write_sheet(report: AssetReport, images: SheetImages, path: Path) -> Path:
    """Write the sheet of `report` to `path` and return it; an older sheet there is replaced whole.

    Pictures that are missing are said to be missing. Raises UsageError when `path` cannot be written,
    TemporaryError when the disk is full.
    """
    html = render(report, images)
    temporary = path.with_name(f".tmp-{path.name}-{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lone surrogate (an odd file name) has no UTF-8 form: show it, do not fail on it.
        temporary.write_bytes(html.encode("utf-8", "backslashreplace"))
        temporary.replace(path)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise TemporaryError(f"{path}: the disk is full; free some space and run again") from error
        reason = error.strerror or os.strerror(error.errno or 0)
        raise UsageError(f"{path}: cannot write the sheet ({reason}); choose a writable folder") from error
    finally:
        with suppress(OSError):  # the error that matters is on its way already
            temporary.unlink()
    return path


def render(report: AssetReport, images: SheetImages) -> str:
    """The sheet as HTML text. All that comes from outside is escaped, and the page may load nothing."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        _TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in ("sheet.css", "sheet.js")
    )
    return environment.get_template("sheet.html.j2").render(
        view=view_of(report, fit(images, wanted_images(report))),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=_policy(style, script),
    )


def _policy(style: str, script: str) -> str:
    """Content security policy: only our own style and script run, only inlined pictures load."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
