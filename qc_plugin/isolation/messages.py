"""What the process that decodes may say. Nothing else is believed; no number without bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from qc_plugin import errors
from qc_plugin.isolation.slots import PREVIEW_SIDE_PX, STRIPS_PX
from qc_plugin.types import DecodeStats, MediaInfo

Count = Annotated[int, Field(ge=0, le=1 << 40)]
Seconds = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=PREVIEW_SIDE_PX)]
Tick = Annotated[int, Field(ge=-(1 << 63), le=(1 << 63) - 1)]
_MAY_RAISE = ("UnsupportedAsset", "LimitExceeded", "ConfigError", "UsageError")


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Info(_Said):
    """The description, before the first picture."""

    say: Literal["info"]
    info: MediaInfo


class Picture(_Said):
    """What belongs to an RGB picture."""

    pts: Tick | None
    time_base: tuple[Count, Annotated[int, Field(ge=1, le=1 << 40)]]
    duration_s: Seconds


class LookSaid(_Said):
    """A frame lies in a slot."""

    say: Literal["look"]
    slot: Count
    index: Count
    pts_s: Seconds
    luma: tuple[Side, Side]
    chroma: tuple[Literal[2], Side, Side]
    rows: tuple[Annotated[int, Field(ge=1, le=1 << 16)], Annotated[int, Field(ge=1, le=STRIPS_PX)]]
    errors: Count
    corrupt: Count
    is_corrupt: bool
    rgb: Picture | None = None

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of luma, chroma and strips."""
        return self.luma, self.chroma, self.rows


class Beat(_Said):
    """It reads on."""

    say: Literal["beat"]


class End(_Said):
    """All frames came."""

    say: Literal["end"]
    cpu_s: Seconds
    info: MediaInfo
    stats: DecodeStats


class Failure(_Said):
    """Decoding raised."""

    say: Literal["error"]
    error: Annotated[str, Field(max_length=100)]
    text: Annotated[str, Field(max_length=10_000)]

    def as_error(self, name: str) -> Exception:
        """The error it names, where decoding may raise that; else our bug."""
        if self.error not in _MAY_RAISE:
            return RuntimeError(f"{name}: decoding failed with {self.error}: {self.text}")
        cls: type[errors.QcError] = getattr(errors, self.error)
        return cls(self.text)


Message = Annotated[Info | LookSaid | Beat | End | Failure, Field(discriminator="say")]
MESSAGE: TypeAdapter[Info | LookSaid | Beat | End | Failure] = TypeAdapter(Message)
