"""Deep plain values of frozen dataclasses, to compare those that opt out of equality."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


def plain(value: object) -> object:
    """Dataclasses and mappings as dicts, sequences as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
