"""One offline HTML file: our templates, style and script, and a policy that lets nothing else run or load."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from qc_plugin.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEMPLATES = Path(__file__).with_name("templates")


def render_page(
    template: str, values: Mapping[str, object], *, styles: Sequence[str], scripts: Sequence[str] = ()
) -> str:
    """`template` as HTML text with its style and script inside; all that comes from outside is escaped.

    `styles` and `scripts` are files beside the template, joined in this order.
    """
    style, script = _joined(styles), _joined(scripts)
    ours = {"style": Markup(style), "script": Markup(script)}  # noqa: S704 - our own files
    return render(template, {**values, **ours, "policy": _policy(style, script)})


def render(template: str, values: Mapping[str, object]) -> str:
    """`template` with `values` in it, all of them escaped; a value that lacks is an error."""
    return _environment().get_template(template).render(**values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Templates are compiled once a process: 0.2 s an asset otherwise."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_page(html: str, path: Path, *, what: str) -> Path:
    """Write `html` to `path` and return it; an older file there is replaced whole. `what` names it in errors.

    Raises UsageError when `path` cannot be written, TemporaryError when the disk is full.
    """
    write_whole(path, html, what=what)
    return path


def _joined(files: Sequence[str]) -> str:
    return "\n".join(_TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in files)


def _policy(style: str, script: str) -> str:
    """Content security policy: only our own style and script run, only inlined pictures load."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
