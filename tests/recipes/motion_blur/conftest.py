"""Tests of the recipe need torch; small photos are drawn here, so that no data folder is needed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")


@pytest.fixture(scope="session")
def photos():
    """Three textured photos; the first two have a person (a disc), with a face and a hand inside."""
    import cv2

    from engines.recipes.synthesis.sources import Photo, segment

    rng = np.random.default_rng(5)
    made = []
    for i in range(3):
        coarse = cv2.resize(
            rng.uniform(0, 255, (30, 40, 3)).astype(np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC
        )
        rgb = np.clip(coarse + rng.normal(0, 25, coarse.shape), 0, 255).astype(np.uint8)
        matte, parts = np.zeros((480, 640), np.uint8), np.zeros((480, 640), np.uint8)
        cv2.circle(matte, (300, 240), 150, 255, -1, cv2.LINE_AA)
        cv2.circle(parts, (300, 240), 150, 1, -1)
        cv2.circle(parts, (300, 170), 50, 2, -1)
        cv2.circle(parts, (220, 300), 40, 4, -1)
        pixels = torch.from_numpy(rgb.transpose(2, 0, 1).copy())
        person = i < 2
        made.append(
            Photo(
                f"drawn{i}",
                pixels,
                torch.from_numpy(matte) if person else None,
                torch.from_numpy(parts) if person else None,
                torch.from_numpy(segment(rgb, seed=i)),
            )
        )
    return made
