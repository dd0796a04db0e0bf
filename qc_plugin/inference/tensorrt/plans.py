"""What a TensorRT plan is for: the sizes it takes, and all that it depends on. `plan_cache` keeps plans."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qc_plugin.inference.spec import EngineSpec, TensorSpec

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """Sizes a plan takes. `long_side`: of the pictures in px, None for the engine's own analysis scale."""

    long_side: int | None
    opt_batch: int
    max_batch: int


# The larger the pictures, the smaller the batch that fills a GPU, and memory is reserved for the largest.
PROFILES = {
    "analysis": Profile(None, 8, 32),
    "720p": Profile(1280, 8, 32),
    "1080p": Profile(1920, 8, 16),
    "4k": Profile(3840, 2, 4),
}
_REGIONS = (8, 64)  # typical and most, per frame
DEFAULT_LONG_SIDE = 1280  # of an engine that states no analysis scale: the tiles it is given


@dataclass(frozen=True, slots=True)
class Shapes:
    """Smallest, typical and largest input of a plan, in the order of the input's layout."""

    least: Shape
    typical: Shape
    most: Shape

    def holds(self, shape: Shape) -> bool:
        """True if every axis but the batch is within; larger batches are cut."""
        ends = zip(self.least[1:], shape[1:], self.most[1:], strict=True)
        return all(low <= side <= high for low, side, high in ends)


def plan_shapes(spec: EngineSpec, profile: str, tensor: TensorSpec | None = None) -> Shapes:
    """What a profile means for an input (the first by default): typically 16:9, and any shape up to square.

    Axes besides N, C, H and W: R, regions of a frame; the length of any other is fixed by the network.
    """
    rule, size = PROFILES[profile], spec.size
    largest = size.max // size.multiple * size.multiple
    long_side = min(size.padded(rule.long_side or size.long_side or DEFAULT_LONG_SIDE), largest)
    least_side = size.padded(size.min)
    short_side = min(size.padded(long_side * 9 // 16), largest)
    tensor = tensor or spec.inputs[0]
    channels = 1 if tensor.colour == "GRAY" else 3

    def ordered(batch: int, height: int, width: int, regions: int) -> Shape:
        sizes = {"N": batch, "C": channels, "H": height, "W": width, "R": regions}
        return tuple(sizes.get(axis, 1) for axis in tensor.layout)

    return Shapes(
        ordered(1, least_side, least_side, 1),
        ordered(rule.opt_batch, short_side, long_side, _REGIONS[0]),
        ordered(rule.max_batch, long_side, long_side, _REGIONS[1]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanKey:
    """All that a plan depends on. `target`: "portable", "sm_86", or the name of the GPU it was built on."""

    engine: str
    model_sha256: str
    flavour: str
    version: str
    target: str
    profile: str
    shapes: Shapes
    precision: str
    conversion: int

    def plain(self) -> dict[str, object]:
        """As JSON holds it."""
        return dict(json.loads(json.dumps(asdict(self), sort_keys=True)))

    @property
    def file_name(self) -> str:
        """Readable in front, unmistakable behind."""
        digest = hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()
        words = f"{self.engine}-{self.precision}-{self.profile}-{self.target}-{self.flavour}"
        return f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', words)}-{digest[:16]}.plan"

    def replaces(self, other: dict[str, object]) -> bool:
        """True if `other` (a key as `plain` gives it) is of the same plan for an older model or package."""
        mine = self.plain()
        same = ("engine", "flavour", "target", "profile", "precision")
        return mine != other and all(mine[name] == other.get(name) for name in same)
