"""Decoded frames with what their neighbours say of them: of video, the motion from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.errors import AssetError
from qc_plugin.stages.optical_flow import displacement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from qc_plugin.isolation.looks import Look
    from qc_plugin.types import Frame, Preview


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One decoded frame: its preview, its RGB where it was wanted, and then its motion.

    `moved` as `stages.optical_flow.displacement` gives it: None for a picture, and where it cannot be told.
    """

    preview: Preview
    frame: Frame | None
    moved: NDArray[np.float32] | None


def seen(looks: Iterable[Look]) -> Iterator[Seen]:
    """All looks in order, each as soon as the next is there; those before a failure come before it is raised.

    Raises AssetError as `looks` does.
    """
    before: Preview | None = None
    held: Look | None = None
    failure: AssetError | None = None
    try:
        for look in looks:
            if held is not None:
                yield _seen(held, before, look.preview)
                before = held.preview
            held = look
    except AssetError as error:
        failure = error
    if held is not None:
        yield _seen(held, before, None)
    if failure is not None:
        raise failure


def _seen(look: Look, before: Preview | None, after: Preview | None) -> Seen:
    moved = None if look.frame is None else displacement(look.preview, (before, after))
    return Seen(look.preview, look.frame, moved)
