"""What an asset may cost before it is refused. Named profiles, not loose knobs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from qc_plugin.errors import ConfigError, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.types import AssetKind

_GIB = 1 << 30
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds on one asset, in bytes, pixels or seconds. An asset over one is `LimitExceeded`."""

    name: str = "custom"
    max_video_bytes: int = 50 * _GIB
    max_image_bytes: int = 200 * _MIB
    max_pixels: int = 50_000_000
    max_side: int = 16_384
    max_duration_s: float = 6 * 3600.0
    max_packets: int = 5_000_000
    max_streams: int = 32
    max_frames_scored: int = 2_000
    # What the process that decodes may take before it is killed.
    max_memory_bytes: int = 4 * _GIB
    timeout_s: float = 300.0  # and `timeout_share` of the duration on top, at most `max_timeout_s`
    timeout_share: float = 0.5
    max_timeout_s: float = 3600.0
    no_progress_s: float = 30.0
    max_attempts: int = 2  # crashes and hangs, then quarantine

    def allowed_s(self, duration_s: float | None) -> float:
        """Seconds that decoding an asset of this duration may keep us waiting."""
        return min(self.max_timeout_s, self.timeout_s + self.timeout_share * (duration_s or 0.0))

    def max_bytes(self, kind: AssetKind) -> int:
        """Bytes a file of this kind may have."""
        return self.max_video_bytes if kind == "video" else self.max_image_bytes

    def check_bytes(self, n_bytes: int, kind: AssetKind, path: str | Path) -> None:
        """Raise LimitExceeded for a file of more bytes than its kind may have."""
        allowed = self.max_bytes(kind)
        if n_bytes > allowed:
            raise LimitExceeded(
                f"{Path(path).name} has {n_bytes / 1e6:,.0f} MB, over the limit of {allowed / 1e6:,.0f} MB "
                f"for {kind} (profile '{self.name}'): make it smaller or choose a wider profile."
            )

    def check_size(self, width_px: int, height_px: int, path: str | Path) -> None:
        """Raise LimitExceeded for too many pixels or too long a side; call before decoding."""
        n_pixels = width_px * height_px
        if n_pixels <= self.max_pixels and max(width_px, height_px) <= self.max_side:
            return
        raise LimitExceeded(
            f"{Path(path).name} is {width_px}x{height_px} px ({n_pixels / 1e6:.0f} MP), over the limit of "
            f"{self.max_pixels / 1e6:g} MP and {self.max_side} px a side (profile '{self.name}'): "
            "scale it down or choose a wider profile."
        )


STRICT = Limits(
    name="strict",
    max_video_bytes=5 * _GIB,
    max_image_bytes=50 * _MIB,
    max_pixels=16_800_000,
    max_side=8_192,
    max_duration_s=3600.0,
    max_packets=500_000,
    max_streams=8,
    max_frames_scored=300,
    max_memory_bytes=1 * _GIB,
    timeout_s=60.0,
    timeout_share=0.0,
    max_attempts=1,
)
DEFAULT_LIMITS = Limits(name="default")
TRUSTED = Limits(
    name="trusted",
    max_video_bytes=1024 * _GIB,
    max_image_bytes=1 * _GIB,
    # Pillow's own line for a decompression bomb: above it Pillow warns, and we take the warning as an error.
    max_pixels=89_478_485,
    max_side=32_768,
    max_duration_s=48 * 3600.0,
    max_packets=100_000_000,
    max_frames_scored=20_000,
    max_memory_bytes=16 * _GIB,
    timeout_share=2.0,
    max_timeout_s=48 * 3600.0,
    no_progress_s=300.0,
)
PROFILES: Mapping[str, Limits] = MappingProxyType({p.name: p for p in (STRICT, DEFAULT_LIMITS, TRUSTED)})


def limits_named(name: str) -> Limits:
    """The profile of this name.

    Raises:
        ConfigError: there is no such profile; the message names those there are.
    """
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(sorted(PROFILES))
        raise ConfigError(f"There is no limit profile '{name}': choose one of {known}.") from None
