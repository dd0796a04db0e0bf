"""Variables of ours, read in one way: an empty one is not set, blanks and line ends around are no value.

Files of variables written on Windows end their lines in CR LF, and Compose files set what is missing to "".
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING

from qc_plugin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "QC_"
# What the package reads beside its settings; then what recipes, tests, benchmarks and examples read.
_OURS = (
    "QC_WEBHOOK_SECRET",
    "QC_CACHE_DIR",
    "QC_ENGINES_DIR",
    "QC_BUILD_PLANS",
    "QC_GPU_LOST",
    "QC_DEBUG_DECODE",
)
_DEVELOPMENT = ("WORK", "BENCH_JSON", "SHARED_DATA", "REQUIRE_GPU", "HOST_ENVS")
_EXAMPLES = ("SHARDS", "PLUGIN_COMMAND", "EXAMPLE_LOG", "EXAMPLE_MEDIA", "EXAMPLE_SINK")
VARIABLES = (*_OURS, *(f"{PREFIX}{name}" for name in (*_DEVELOPMENT, *_EXAMPLES)))
_ALIKE = 0.8  # of 1: a letter too few, or two that changed places


def variable(name: str) -> str | None:
    """The value of a variable without what stands around it; None when it is not set or empty."""
    return os.environ.get(name, "").strip() or None


def settings(names: Iterable[str]) -> dict[str, str]:
    """Settings (by their names) that variables give. Raises ConfigError for a misspelt variable of ours."""
    known = {f"{PREFIX}{name.upper()}": name for name in names}
    _refuse_misspelt([*known, *VARIABLES])
    given = {name: variable(key) for key, name in known.items()}
    return {name: value for name, value in given.items() if value is not None}


def _refuse_misspelt(known: list[str]) -> None:
    """Variables that begin like ours and resemble none of them belong to somebody else."""
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known and variable(name):
            rest = [each.removeprefix(PREFIX) for each in known]
            near = get_close_matches(name.removeprefix(PREFIX), rest, 1, _ALIKE)
            if near:
                raise ConfigError(
                    f"environment: unknown variable `{name}`; did you mean `{PREFIX}{near[0]}`? Else unset it"
                )
