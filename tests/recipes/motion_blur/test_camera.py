import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.recipes.synthesis.camera import compress, stream  # noqa: E402

pytestmark = pytest.mark.train


@pytest.mark.parametrize("quality", [30, 60, 90])
def test_batched_jpeg_agrees_with_libjpeg(quality):
    rng = np.random.default_rng(0)
    coarse = cv2.resize(
        rng.uniform(0, 255, (12, 12, 3)).astype(np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC
    )
    rgb = np.clip(coarse + rng.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    expected = cv2.imdecode(cv2.imencode(".jpg", rgb[..., ::-1], settings)[1], 1)[..., ::-1].astype(float)
    ours = compress(torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None].float(), [quality])[0]
    got = ours.permute(1, 2, 0).numpy()
    error, loss = np.abs(got - expected).mean(), np.abs(rgb - expected).mean()
    assert error < 0.35 * loss  # what is left is chroma up-sampling and integer arithmetic


def test_quality_100_leaves_the_picture_alone():
    picture = torch.randint(0, 256, (1, 3, 32, 32)).float()
    assert torch.equal(compress(picture, [100]), picture)


def test_a_stream_keeps_the_picture_and_loses_more_at_a_higher_factor():
    rng = np.random.default_rng(1)
    coarse = cv2.resize(rng.uniform(20, 235, (9, 9, 1)).astype(np.uint8), (96, 64))
    steps = torch.from_numpy((coarse + rng.normal(0, 6, coarse.shape)).clip(0, 255)).float().repeat(3, 1, 1)
    errors = [float((stream(steps, crf) - steps).abs().mean()) for crf in (12, 24, 36)]
    assert errors == sorted(errors)
    assert errors[0] < 4
    assert errors[-1] < 12  # another frame would be tens of steps away
    assert stream(steps, 24).shape == steps.shape
