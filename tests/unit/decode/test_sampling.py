"""Which frames are picked, without a video: frames here are times with a preview."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qc_plugin.decode.candidates import MAX_GAP_S, gradient_energy
from qc_plugin.decode.sampling import parse_sample, select
from qc_plugin.errors import UsageError
from qc_plugin.types import Frame, MediaInfo, Preview


@dataclass
class FakeFrame:
    index: int
    pts_s: float
    level: float = 128.0
    contrast: float = 20.0
    is_key: bool = False
    pts: int | None = None
    duration_s: float = 0.04
    released: bool = False
    n_previews: int = field(default=0)

    @property
    def preview(self) -> Preview:
        self.n_previews += 1
        checks = np.indices((18, 32)).sum(axis=0) % 2 * 2 - 1
        luma = np.clip(self.level + self.contrast * checks, 0, 255).astype(np.uint8)
        grey = np.full((2, 4, 4), 128, np.uint8)
        return Preview(index=self.index, pts_s=self.pts_s, luma=luma, chroma=grey, rows=luma.copy())

    def to_frame(self) -> Frame:
        raise AssertionError("sampling never makes RGB")

    def release(self) -> None:
        self.released = True


def steady(n: int, fps: float = 25.0, **kwargs) -> list[FakeFrame]:
    return [FakeFrame(i, i / fps, **kwargs) for i in range(n)]


def info(duration_s: float | None, fps: float | None = 25.0) -> MediaInfo:
    return MediaInfo(
        container="x",
        codec="x",
        pixel_format="x",
        width_px=1,
        height_px=1,
        duration_s=duration_s,
        average_fps=fps,
    )


def picks(frames, text: str, *, max_frames: int = 2000, about: MediaInfo | None = None) -> list[int]:
    chosen = list(select(frames, parse_sample(text, max_frames=max_frames), info=about))
    assert [frame.index for frame, _ in chosen] == [frame.index for frame in frames]
    return [frame.index for frame, take in chosen if take]


@pytest.mark.parametrize(
    ("text", "mode", "interval_s"),
    [("2fps", "interval", 0.5), (" 0.5 FPS ", "interval", 2.0), (".25fps", "interval", 4.0),
     ("all", "all", 0.0),
     ("keyframes", "keyframes", 0.0), ("Auto", "auto", 0.5)],
)  # fmt: skip
def test_parse(text, mode, interval_s):
    plan = parse_sample(text)
    assert (plan.mode, plan.interval_s) == (mode, interval_s)
    assert plan.keyframes_only == (mode == "keyframes")


@pytest.mark.parametrize(
    "text", ["", "fps", "0fps", "-1fps", "2", "2 fp", "1e3fps", "key", "nanfps", "99999fps"]
)
def test_unknown_words_name_the_known_ones(text):
    with pytest.raises(UsageError, match=r"use <number>fps .*, keyframes, all or auto\.$"):
        parse_sample(text)


def test_two_a_second_takes_the_first_frame_at_or_after_each_half_second():
    assert picks(steady(51), "2fps") == [0, 13, 25, 38, 50]
    assert picks(steady(61, fps=30_000 / 1001), "2fps") == [0, 15, 30, 45, 60]


def test_times_and_not_numbers_count():
    frames = [FakeFrame(i, t) for i, t in enumerate([0.02, 0.3, 0.4999, 0.7, 3.1, 3.2, 3.5, 3.51])]
    assert picks(frames, "2fps") == [0, 2, 4, 6]  # 0.4999 is 0.5 as a container rounds it


def test_a_rate_above_that_of_the_clip_takes_all():
    assert picks(steady(10), "50fps") == list(range(10))


def test_all_and_key_frames():
    frames = steady(20)
    for number in (4, 9, 15):
        frames[number].is_key = True
    assert picks(frames, "all") == list(range(20))
    assert picks(frames, "keyframes") == [0, 4, 9, 15]


def test_only_auto_looks_at_frames():
    for text, looks in (("2fps", 0), ("all", 0), ("keyframes", 0), ("auto", 1)):
        frames = steady(30)
        picks(frames, text)
        assert {frame.n_previews for frame in frames} == ({0} if not looks else {frames[0].n_previews})
        assert (frames[0].n_previews > 0) == bool(looks)


def test_cap_with_known_length_is_even():
    frames = steady(1000)
    chosen = picks(frames, "all", max_frames=100, about=info(40.0))
    assert chosen == list(range(0, 1000, 16))
    chosen = picks(frames, "5fps", max_frames=60, about=info(40.0))
    assert set(np.diff([frames[i].pts_s for i in chosen]).round(3)) == {0.8}


@given(
    st.integers(1, 400),
    st.integers(1, 40),
    st.sampled_from(["2fps", "25fps", "all", "keyframes", "auto"]),
    st.sampled_from([None, 0.0, 1.0, 4.0, 16.0, 1e5]),
)
@settings(max_examples=40, deadline=None)
def test_cap_is_never_passed(n_frames, max_frames, text, stated_s):
    frames = steady(n_frames, is_key=True)
    chosen = picks(frames, text, max_frames=max_frames, about=None if stated_s is None else info(stated_s))
    assert 1 <= len(chosen) <= max_frames
    assert chosen[0] == 0 or text == "auto"


def test_without_a_length_the_tail_is_still_sampled():
    chosen = picks(steady(1000), "all", max_frames=64)
    assert chosen[:32] == list(range(32))
    assert chosen[-1] > 150
    assert np.all(np.diff(np.diff(chosen)) >= 0)  # it only gets sparser


def test_auto_takes_the_sharpest_of_each_window_and_lets_the_others_go():
    frames = steady(50)
    frames[7].contrast = frames[20].contrast = frames[30].contrast = frames[44].contrast = 60.0
    chosen = picks(frames, "auto")
    assert chosen == [7, 20, 30, 44]
    assert [frame.index for frame in frames if not frame.released] == chosen


def test_auto_prefers_a_soft_frame_to_a_fade_or_the_dark():
    frames = steady(13)
    for number in range(6):
        frames[number].level, frames[number].contrast = 10.0, 9.0  # dark
    for number, frame in enumerate(frames[6:10]):
        frame.level, frame.contrast = 40.0 + 20 * number, 60.0  # fading in, and full of contrast
    assert picks(frames, "auto")[0] >= 10


def test_auto_skips_dark_stretches_but_not_for_ever():
    frames = [FakeFrame(i, i / 10, level=8.0, contrast=4.0) for i in range(200)]
    times = [frames[i].pts_s for i in picks(frames, "auto")]
    assert 3 <= len(times) <= 5
    assert max(np.diff(times)) <= MAX_GAP_S + 1.0


def test_auto_holds_one_window():
    taken = []

    def source():
        for frame in steady(100):
            taken.append(frame.index)
            yield frame

    for frame, _ in select(source(), parse_sample("auto")):
        assert (
            taken[-1] - frame.index <= 13
        )  # half a second at 25 frames a second, and the one that closed it


def test_energy_counts_detail_and_not_combing():
    def preview(rows: np.ndarray) -> Preview:
        flat = np.full((18, 32), 100, np.uint8)
        return Preview(index=0, pts_s=0, luma=flat, chroma=np.full((2, 1, 1), 128, np.uint8), rows=rows)

    flat = np.full((60, 96), 100, np.uint8)
    combed, lines = flat.copy(), flat.copy()
    combed[::2] = 160
    lines[(np.arange(60) // 2) % 2 == 0] = 160
    between = flat.copy()
    between[:, 16:32] = 160  # strips lie apart in the picture: a step between them is no edge
    assert gradient_energy(preview(flat)) == 0
    assert gradient_energy(preview(combed)) == 0
    assert gradient_energy(preview(between)) == 0
    assert gradient_energy(preview(lines)) > 1000
