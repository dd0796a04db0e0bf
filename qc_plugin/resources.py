"""Finds the data we ship: in an installed wheel under `_bundled/`, in a checkout at the root."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. `shipped("rules", "default.yaml")`.

    A checkout wins over `_bundled/`, because an editable install leaves a stale copy of single files there.
    """
    checkout = _PACKAGE.parent
    root = checkout if (checkout / "pyproject.toml").is_file() else _PACKAGE / "_bundled"
    return root.joinpath(*parts)
