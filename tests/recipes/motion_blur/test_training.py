import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engines.recipes.motion_blur import checkpoint  # noqa: E402
from engines.recipes.motion_blur.data import Batch, Sampler, StoredSet, augment, prefetch, scenes_of  # noqa: E402
from engines.recipes.motion_blur.labels import path_code  # noqa: E402
from engines.recipes.motion_blur.losses import LossWeights, kind_of, label_weights, total_loss, unseen_loss  # noqa: E402
from engines.recipes.motion_blur.model import KINDS, Prediction, Segmenter, Widths  # noqa: E402
from engines.recipes.motion_blur.render import render  # noqa: E402
from engines.recipes.motion_blur.train import Settings, Trainer, new_network, parse_stage  # noqa: E402
from engines.recipes.synthesis.compose import traits  # noqa: E402
from engines.recipes.synthesis.scene import Mixture  # noqa: E402
from engines.recipes.training import rate_factor  # noqa: E402

pytestmark = pytest.mark.train
HEAD = "segmenter.head.weight"
SMALL = Widths((16, 16, 16, 16, 16), 8, 16)
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def stored(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    made = StoredSet.create(folder, n=8, size_px=64, about={"seed": 1})
    scenes = scenes_of(1, range(8), Mixture(), traits(photos))
    for start in (0, 4):
        made.write(start, render(scenes[start : start + 4], photos, size_px=64))
    return folder


@pytest.fixture
def small_start(tmp_path):
    torch.manual_seed(1)
    network = Segmenter(SMALL)
    path = tmp_path / "start.pt"
    checkpoint.save(path, {"ema": network.state_dict(), "widths": (list(SMALL.channels), 8, 16)})
    return path


def settings(folder, stored, start, **changes):
    folder.mkdir(exist_ok=True)
    base = Settings(
        folder, (parse_stage(f"{stored}:1"),), steps=6, init=start, lr=1e-3, warmup=2, batch=2, log_every=2
    )
    return dataclasses.replace(base, **changes)


def states(path):
    content = checkpoint.load(path / "last.pt")
    return content["network"], content["ema"], content["step"]


def test_a_killed_run_goes_on_as_if_nothing_had_happened(stored, small_start, tmp_path):
    Trainer(settings(tmp_path / "whole", stored, small_start)).run()
    Trainer(settings(tmp_path / "cut", stored, small_start)).run(until=3)
    resumed = Trainer(settings(tmp_path / "cut", stored, small_start))
    assert resumed.step == 3
    resumed.run()
    whole, cut = states(tmp_path / "whole"), states(tmp_path / "cut")
    assert whole[2] == cut[2] == 6
    for straight, broken in zip(whole[:2], cut[:2], strict=True):
        assert all(torch.equal(straight[name], broken[name]) for name in straight)
    start = checkpoint.load(small_start)["ema"]
    assert not torch.equal(start["head.weight"], whole[0][HEAD])


def test_a_run_ends_with_its_time_and_the_rate_falls_with_it(stored, small_start, tmp_path):
    run = settings(tmp_path / "short", stored, small_start, steps=10**6, minutes=1e-9)
    first = Trainer(run)
    first.run()
    assert first.step == 1
    assert first.rate == pytest.approx(1e-3 * 0.01)
    assert Trainer(run).done >= 1  # the time counts over all starts


def test_a_run_writes_its_log_and_curves(stored, small_start, tmp_path):
    Trainer(settings(tmp_path / "run", stored, small_start)).run()
    assert len((tmp_path / "run/log.jsonl").read_text().splitlines()) == 3
    assert (tmp_path / "run/curves.png").stat().st_size > 1000


def test_training_lowers_the_loss_of_a_batch(stored):
    torch.manual_seed(0)
    network, batch = Segmenter(SMALL).train(), StoredSet(stored).read([0, 1, 2, 3])
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        loss, _ = total_loss(network(batch.image), batch, LossWeights())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_every_loss_term_is_least_when_the_answer_is_right(stored):
    batch = StoredSet(stored).read([0, 1, 2, 3, 4, 5, 6, 7])
    known = ((batch.evidence - 0.15) / 0.85).clamp(0, 1)
    pooled = torch.nn.functional.avg_pool2d(batch.mask, 4)
    logit = lambda p: torch.logit(p.clamp(1e-4, 1 - 1e-4))  # noqa: E731
    extent = logit((batch.extent / 24).clamp(0, 1))
    kind = torch.nn.functional.one_hot(kind_of(batch), 4) * 8.0 - 4
    none = torch.zeros_like(batch.mask)
    right = Prediction(logit(batch.mask), extent, logit(known), logit(pooled), batch.path, kind, none)
    wrong = Prediction(*(-getattr(right, f.name) for f in dataclasses.fields(Prediction)))
    good, bad = (total_loss(p, batch, LossWeights())[1] for p in (right, wrong))
    for name in ("bce", "dice", "tversky", "extent", "coarse", "evidence", "path", "kind", "unseen"):
        assert good[name] < bad[name], name


def test_prior_pulls_towards_the_prevalence_of_the_batch(stored):
    batch = StoredSet(stored).read([0, 1, 2, 3])
    flat, kind = torch.zeros_like(batch.mask), torch.zeros(4, 4)
    coarse = torch.nn.functional.avg_pool2d(flat, 4)
    low, high = (
        total_loss(Prediction(flat + v, flat, flat, coarse, batch.path, kind, flat), batch, LossWeights())[1][
            "prior"
        ]
        for v in (-8, 8)
    )
    count = label_weights(batch, LossWeights())
    prevalence = float((batch.mask * count).sum() / count.sum())
    assert float(low) == pytest.approx(prevalence**2, abs=1e-3)
    assert float(high) == pytest.approx((1 - prevalence) ** 2, abs=1e-3)


def test_sharp_pixels_count_more_than_unknowable_blurred_ones(stored):
    batch = StoredSet(stored).read([0, 1, 2, 3, 4, 5, 6, 7])
    weights = label_weights(
        dataclasses.replace(batch, evidence=torch.full_like(batch.mask, 0.15)), LossWeights()
    )
    assert weights[batch.mask == 0].min() == pytest.approx(0.35)
    assert weights[batch.mask == 1].max() == pytest.approx(0.15)


def a_batch(mask, evidence):
    n, side = len(mask), mask.shape[-1]
    return Batch(
        torch.zeros(n, 3, 4 * side, 4 * side), mask, mask * 8, evidence, torch.zeros(n, 2, side, side)
    )


def test_cells_without_evidence_weigh_nothing(stored):
    batch = StoredSet(stored).read([0, 1])
    unknown = dataclasses.replace(batch, evidence=torch.full_like(batch.mask, 2 / 255))
    assert float(label_weights(unknown, LossWeights()).max()) == 0
    some = label_weights(unknown, LossWeights(unseen_sharp=0.1))
    assert torch.allclose(some, 0.1 * (1 - batch.mask))
    nothing = dataclasses.replace(batch, evidence=torch.zeros_like(batch.mask))
    assert float(label_weights(nothing, LossWeights(unseen_sharp=0.1)).max()) == 0


def test_the_kind_of_a_picture_is_read_from_what_of_it_is_blurred():
    nothing, everything = torch.zeros(1, 16, 16), torch.ones(1, 16, 16)
    subject, ground = nothing.clone(), everything.clone()
    subject[:, 5:11, 5:11], ground[:, 5:11, 5:11] = 1, 0
    masks = torch.stack([nothing, everything, subject, ground])
    seen = torch.ones_like(masks)
    assert kind_of(a_batch(masks, seen)).tolist() == [KINDS.index(k) for k in KINDS]
    seen[3, :, 5:11, 5:11] = 0  # unknown: what is known is all blurred
    assert KINDS[kind_of(a_batch(masks, seen))[3]] == "shaken"


def test_the_picture_speaks_for_cells_without_evidence_and_for_no_others():
    torch.manual_seed(0)
    network = Segmenter(SMALL).train()
    mask = torch.ones(2, 1, 16, 16)
    batch = a_batch(mask, torch.full_like(mask, 2 / 255))
    image = torch.rand(2, 3, 64, 64)
    before = network(image)
    assert float(before.shift.detach().abs().max()) == 0
    unseen_loss(before, batch).backward()
    taught = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert taught == {"picture.opinion.weight", "picture.opinion.bias"}
    with torch.no_grad():
        network.picture.opinion.bias += 3
        network.evidence[1].bias += 30  # everything is plain to see
    assert float(network(image).shift.detach().abs().max()) < 1e-3


def test_families_have_their_shares_of_a_batch(stored, tmp_path):
    other = StoredSet.create(tmp_path / "other", n=4, size_px=64, about={"seed": 2})
    made = StoredSet(stored).read_bytes([0, 1, 2, 3])
    for name in ("image", "mask", "extent", "evidence", "path"):
        other.arrays[name][:] = getattr(made, name).numpy()
    other.arrays["evidence"][:] = 255
    (tmp_path / "other/count").write_text("4")
    families, share = parse_stage(f"{stored}@0.2+{tmp_path / 'other'}@0.8:1")
    assert share == 1
    sampler = Sampler([([StoredSet(f) for f in f_], s) for f_, s in families], batch=200, seed=1)
    whole = (sampler.draw(0).evidence.flatten(1).min(1).values == 1).float().mean()
    assert 0.7 < float(whole) < 0.95


def test_augmentation_turns_picture_and_labels_together():
    side = 16
    marked = torch.zeros(6, 3, 4 * side, 4 * side)
    marked[:, :, 8:12, 20:24] = 1.0
    cells = torch.nn.functional.avg_pool2d(marked[:, :1], 4)
    path = torch.cat([cells, cells], 1)
    out = augment(Batch(marked, cells, cells, cells, path), np.random.default_rng(2))
    seen = torch.nn.functional.avg_pool2d(out.image.mean(1, keepdim=True), 4) > 0.3
    assert torch.equal(seen, out.mask > 0.5)
    assert not torch.equal(out.mask, cells)


def test_augmentation_turns_the_path_with_the_picture():
    """A bar along the motion stays along it."""
    side, n = 32, 12
    image = torch.zeros(n, 3, side, side)
    image[:, :, 14:18] = 1.0  # a bar along x
    cells = torch.zeros(n, 1, side // 4, side // 4)
    along_x = torch.zeros(n, 2, side // 4, side // 4)
    along_x[:, 0] = 0.5
    out = augment(Batch(image, cells, cells, cells, along_x), np.random.default_rng(1))
    lies_along_y = out.image[:, 0, side // 2, 2] < out.image[:, 0, 2, side // 2]
    assert lies_along_y.any()
    assert not lies_along_y.all()
    assert torch.equal(out.path[:, 0, 0, 0] < 0, lies_along_y)
    diagonal = along_x.flip(1)  # doubled angle 90 degrees: a motion down and to the right
    turned = augment(Batch(image, cells, cells, cells, diagonal), np.random.default_rng(1)).path[:, 1, 0, 0]
    assert set(turned.tolist()) == {0.5, -0.5}


@pytest.mark.parametrize("angle", [0.3, 1.2, 2.5])
def test_a_path_code_is_a_direction_and_a_length_whichever_way_it_runs(angle):
    chord = torch.tensor([math.cos(angle), math.sin(angle)])[None, :, None, None] * 8
    extent = torch.full((1, 1, 1, 1), 8.0)
    code = path_code(chord, extent)
    assert torch.allclose(code, path_code(-chord, extent))
    assert code.norm().item() == pytest.approx(0.5, abs=1e-4)
    assert math.atan2(code[0, 1], code[0, 0]) % (2 * math.pi) == pytest.approx(2 * angle % (2 * math.pi))
    assert path_code(chord * 0, extent * 0).abs().max() == 0


def test_sampler_repeats_a_step_and_differs_between_steps_and_ranks(stored):
    def draw(step, rank):
        return Sampler([([StoredSet(stored)], 1.0)], batch=4, seed=3, rank=rank).draw(step).image

    assert torch.equal(draw(5, 0), draw(5, 0))
    assert not torch.equal(draw(5, 0), draw(6, 0))
    assert not torch.equal(draw(5, 0), draw(5, 1))


def test_stored_set_returns_what_was_rendered(stored, photos):
    scenes = scenes_of(1, range(8), Mixture(), traits(photos))
    made = render(scenes[4:], photos, size_px=64)
    read = StoredSet(stored).read([4, 5, 6, 7])
    assert torch.equal((read.image * 255).round().to(torch.uint8), made.image)
    assert (read.extent - made.extent.clamp(max=85)).abs().max() <= 1 / 6 + 1e-5
    assert (read.mask - made.mask).abs().max() < 1 / 255


@pytest.mark.parametrize("steps", [100, 10**6])
def test_learning_rate_warms_up_and_decays_to_a_hundredth(steps):
    rate = lambda step, done: rate_factor(step, done, warmup=10, floor=0.01)  # noqa: E731
    assert rate(0, 0) == pytest.approx(0.1)
    assert rate(10, 10 / steps) > 0.95
    assert rate(100, 1.0) == pytest.approx(0.01)


@pytest.mark.slow
def test_two_processes_train_one_network(stored, small_start, tmp_path):
    """DDP under torchrun with gloo: both ranks' data make the gradient, one checkpoint comes out."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += [
        "engines.recipes.motion_blur.train",
        str(tmp_path / "two"),
        "--stage",
        f"{stored}:1",
        "--steps",
        "2",
    ]
    command += ["--init", str(small_start), "--batch", "2", "--log-every", "1", "--warmup", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("step 2 ") == 1  # only the first process logs
    together = states(tmp_path / "two")
    Trainer(settings(tmp_path / "one", stored, small_start, steps=2, lr=2e-3, warmup=1)).run()
    alone = states(tmp_path / "one")
    assert together[2] == alone[2] == 2
    assert all(torch.isfinite(v).all() for v in together[0].values() if v.is_floating_point())
    assert not torch.allclose(together[0][HEAD], alone[0][HEAD])


@pytest.mark.parametrize("n_ahead", [0, 1, 3, 20])
def test_prefetch_keeps_the_order_of_steps(n_ahead):
    assert list(prefetch(lambda step: step * 10, 2, 9, n_ahead=n_ahead)) == [20, 30, 40, 50, 60, 70, 80]
    assert list(prefetch(lambda step: step, 5, 5, n_ahead=n_ahead)) == []


def test_slim_checkpoint_starts_the_same_network_in_half_the_space(stored, small_start, tmp_path):
    Trainer(settings(tmp_path / "run", stored, small_start, steps=2)).run()
    checkpoint.slim(tmp_path / "run/last.pt", tmp_path / "slim.pt")
    full, small = (checkpoint.load_network(p) for p in (tmp_path / "run/last.pt", tmp_path / "slim.pt"))
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        difference = (full(image).probability - small(image).probability).abs().max()
    assert 0 < difference < 0.02
    assert (tmp_path / "slim.pt").stat().st_size < 0.3 * (tmp_path / "run/last.pt").stat().st_size


def test_widths_of_a_new_network_are_checked():
    assert new_network((16, 16, 32, 32, 32)).segmenter.head.in_channels == 16
    with pytest.raises(ValueError, match="strides 4, 8, 16, 32, 64"):
        new_network((16, 32))


def test_older_weights_are_completed_and_foreign_ones_refused():
    state = {k: v for k, v in Segmenter(SMALL).state_dict().items() if not k.startswith("path.")}
    Segmenter(SMALL).load_weights(state)
    with pytest.raises(ValueError, match="another network"):
        Segmenter(SMALL).load_weights({k: v for k, v in state.items() if not k.startswith("mix.")})


def test_a_shipped_engine_is_trained_on_alone_and_its_mean_with_itself_is_itself(stored, tmp_path):
    engine = ROOT / "engines/motion_blur/model.onnx"
    run = settings(tmp_path / "run", stored, engine, steps=1, lends=False, muon=False, lr=0.0)
    Trainer(run).run()
    last, mean = tmp_path / "run/last.pt", tmp_path / "mean.pt"
    checkpoint.mean_of([(engine, 0.65), (last, 0.35)], mean)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        first, *others = (checkpoint.load_network(p)(image).probability for p in (engine, last, mean))
    assert all(torch.allclose(first, other, atol=1e-5) for other in others)


def test_what_was_lent_is_kept_for_the_next_training_and_not_for_the_engine(stored, small_start, tmp_path):
    Trainer(settings(tmp_path / "run", stored, small_start, steps=2)).run()
    again = checkpoint.load_training(tmp_path / "run/last.pt")
    assert all(float(a.point.weight.abs().sum()) > 0 for a in again.adapt)
    engine = checkpoint.load_network(tmp_path / "run/last.pt").state_dict()
    assert set(engine) == set(Segmenter(SMALL).state_dict())
    fresh = checkpoint.load_training(small_start)
    assert all(float(a.point.weight.abs().sum()) == 0 for a in fresh.adapt)
