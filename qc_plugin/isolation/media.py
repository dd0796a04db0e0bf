"""What a file is and shows, for those who want no more than that; nothing is decoded in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qc_plugin.decode.limits import DEFAULT_LIMITS
from qc_plugin.decode.sniff import sniff_kind
from qc_plugin.isolation.looks import Wanted
from qc_plugin.isolation.samples import open_samples
from qc_plugin.types import Asset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qc_plugin.decode.limits import Limits
    from qc_plugin.isolation.launch import SandboxMode
    from qc_plugin.types import AssetKind, Frame, MediaInfo


def kind_of(path: str | Path, *, limits: Limits = DEFAULT_LIMITS) -> AssetKind:
    """Whether the file is a `video` or an `artwork`, by its first kilobyte, which no library is given.

    Raises UnsupportedAsset for neither, LimitExceeded for one of more bytes than its kind may have.
    """
    return sniff_kind(path, limits=limits)


def media_of(
    path: str | Path, *, limits: Limits = DEFAULT_LIMITS, sandbox: SandboxMode = "preferred"
) -> tuple[AssetKind, MediaInfo]:
    """Kind, size, codec, colour and time of a file. Raises AssetError."""
    asset = Asset(id="", path=str(path), kind=kind_of(path, limits=limits))
    with open_samples(asset, Wanted(indices=()), limits=limits, sandbox=sandbox) as samples:
        return asset.kind, samples.info


def pictures_of(
    path: str | Path,
    *,
    sample: str = "2fps",
    most: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    sandbox: SandboxMode = "preferred",
) -> Iterator[Frame]:
    """At most `most` frames of a video, evenly by `sample`, or the one of a picture. Raises AssetError."""
    asset = Asset(id="", path=str(path), kind=kind_of(path, limits=limits))
    n_left = most
    with open_samples(asset, Wanted(sample=sample, most=most), limits=limits, sandbox=sandbox) as samples:
        for look in samples.looks():
            if look.frame is not None:
                yield look.frame
                n_left -= 1
            if n_left == 0:
                return
