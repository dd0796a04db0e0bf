"""TensorRT comes in two packages with one API; this table is all that differs.

`tensorrt` runs on any NVIDIA GPU and builds plans only on the GPU they are for. `tensorrt_rtx` installs by
plain pip and builds without GPU and driver, for the targets it knows. Both are used strongly typed. Read in
their documentation and, for tensorrt_rtx, tried while building; neither has run on a GPU yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module, util
from typing import Any

from qc_plugin.errors import EngineError

PORTABLE = (
    "portable"  # one plan for every GPU that tensorrt_rtx knows, finished for the GPU when it is loaded
)


@dataclass(frozen=True, slots=True)
class Flavour:
    """One TensorRT package.

    `targets`: what it builds for ahead of time; none means "the GPU at hand". `runtime_config`: loads through
    an IRuntimeConfig, which offers CUDA graphs and a cache of what was finished for this GPU. `build_s`: a
    first guess of the seconds one plan takes, until one was built here.
    """

    module: str
    install: str
    oldest: tuple[int, int]
    targets: tuple[str, ...]
    runtime_config: bool
    build_s: float


FLAVOURS = {  # in the order in which plans are looked for
    "tensorrt": Flavour(
        module="tensorrt",
        install="pip install 'qc-plugin[tensorrt]' --extra-index-url https://pypi.nvidia.com",
        oldest=(10, 13),
        targets=(),
        runtime_config=False,
        build_s=120.0,  # a guess: it times every kernel on the GPU; not measured
    ),
    "tensorrt_rtx": Flavour(
        module="tensorrt_rtx",
        install="pip install 'qc-plugin[gpu]'",
        oldest=(1, 3),
        targets=(PORTABLE, "sm_75", "sm_80", "sm_86", "sm_89", "sm_120", "sm_121"),
        runtime_config=True,
        build_s=3.0,  # 1.0 to 2.6 s measured on one CPU core
    ),
}


def installed() -> dict[str, str]:
    """Version of every flavour that can be used here, in the order of `FLAVOURS`."""
    return {name: version(name) for name in FLAVOURS if flavour_missing(name) is None}


def version(name: str) -> str:
    """The package's own version, which a plan is tied to. Raises ImportError if it is not installed."""
    return str(import_module(FLAVOURS[name].module).__version__)


def flavour_missing(name: str) -> str | None:
    """Why the flavour cannot be used, in a few words with the fix, or None."""
    flavour = FLAVOURS[name]
    if util.find_spec(flavour.module) is None:
        return f"{name} is not installed; {flavour.install}"
    try:
        found = version(name)
    except (ImportError, OSError, AttributeError) as error:  # its shared libraries are missing or do not fit
        return f"{name} does not import ({str(error).splitlines()[0]}); {flavour.install}"
    numbers = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if numbers < flavour.oldest:
        return f"{name} {found} is too old; {flavour.install}"
    return None


def load(name: str) -> Any:
    """The package. Raises EngineError with the fix."""
    reason = flavour_missing(name)
    if reason is not None:
        raise EngineError(reason)
    return import_module(FLAVOURS[name].module)
