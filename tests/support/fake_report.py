"""A realistic `AssetReport` and drawn pictures for it: a talk of one minute, with hands that move too fast.

Everything follows from the frame number, so two builds are equal. Numbers are float32 values, as stored.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np

from qc_plugin.types import (
    Asset,
    AssetReport,
    Bands,
    Coverage,
    Crop,
    EngineUse,
    Finding,
    FrameJudgement,
    FrameRank,
    FrameRow,
    FrameScore,
    MediaInfo,
    Provenance,
    Region,
    RegionScore,
    Rle,
)

WIDTH, HEIGHT, FPS = 1280, 720, 25.0
STEP = 12  # decoded frames from one scored frame to the next: about two a second
SHOT_STARTS = (0, 31, 62, 97)
FACE, HAND = Bands(0.04, 0.15), Bands(0.30)
REFUSED = {"deblur": "outranked", "review": "review", "reject": "rejected"}
MASK_SIZE = (90, 160)


def f32(value: float) -> float:
    """`value` as a report gives it back."""
    return float(np.float32(value))


def encode_rle(mask: np.ndarray) -> Rle:
    """COCO's compressed run lengths, from its description: an oracle for the decoder of the sheet."""
    flat = mask.astype(bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    counts = ([0] if flat[0] else []) + runs
    text = "".join(_rle_number(n - counts[i - 2] if i > 2 else n) for i, n in enumerate(counts))
    return Rle(mask.shape[0], mask.shape[1], text)


def _rle_number(number: int) -> str:
    characters = ""
    while True:
        low, number = number & 0x1F, number >> 5
        done = number == (-1 if low & 0x10 else 0)
        characters += chr((low if done else low | 0x20) + 48)
        if done:
            return characters


def hand_blur(i: int) -> float:
    """Blurred share of the hand: three waves of fast movement."""
    return f32(max(0.0, 0.9 * np.sin(i / 9.0) ** 5))


def face_blur(i: int) -> float:
    return f32(0.22 if i % 23 == 7 else 0.09 if i % 17 == 5 else 0.01)


def face_box(i: int) -> tuple[float, float, float, float]:
    x = 470 + 120 * float(np.sin(i / 11.0))
    return tuple(f32(v) for v in (x, 130, x + 210, 400))


def hand_box(i: int) -> tuple[float, float, float, float]:
    x, y = 760 + 90 * float(np.cos(i / 5.0)), 380 + 60 * float(np.sin(i / 4.0))
    return tuple(f32(v) for v in (x, y, x + 180, y + 170))


def blur_mask(i: int) -> np.ndarray:
    """The hand, when it moves, as a mask at a quarter of the engine's size."""
    mask = np.zeros(MASK_SIZE, np.uint8)
    if hand_blur(i) > 0.3:
        x0, y0, x1, y1 = (v / WIDTH * MASK_SIZE[1] for v in hand_box(i))
        centre = (int((x0 + x1) / 2), int((y0 + y1) / 2))
        cv2.ellipse(mask, centre, (int((x1 - x0) / 2), int((y1 - y0) / 2.4)), 20, 0, 360, 1, -1)
    return mask


def _score(i: int) -> FrameScore:
    index, blur, hand = i * STEP, face_blur(i), hand_blur(i)
    shot = max(s for s, start in enumerate(SHOT_STARTS) if i >= start)
    face = Region(index, "face", face_box(i), f32(0.97), track_id=shot)
    palm = Region(index, "hand", hand_box(i), f32(0.81), track_id=100 + shot)
    severity = {"blur_severity_mean": f32(blur / 2), "blur_severity_p95": f32(blur)}
    mask = blur_mask(i)
    return FrameScore(
        frame_index=index,
        pts=index * 512,
        time_base=(1, 12800),
        pts_s=index / FPS,
        duration_s=1 / FPS,
        shot=shot,
        phash=(0x9E3779B97F4A7C15 * (i + 1)) & 0xFFFF_FFFF_FFFF_FFFF,
        measures={
            "blur_coverage": f32(0.02 + hand / 12),
            "sharpness": f32(0.9 - hand / 3),
            "luma_mean": f32(0.42),
            "luma_p90": f32(0.05 if i < 4 else 0.74),
            "clipped_fraction": f32(0.01 + 0.02 * (i % 29 == 3)),
            "bar_fraction": 0.0,
            "comb_ratio": f32(0.01),
            "shot_edge_s": f32(min(abs(i - s) for s in SHOT_STARTS) * STEP / FPS),
        },
        skipped={"blur_severity_p95": "no blurred pixel"} if hand == 0 else {},
        regions=(
            RegionScore(
                n=1, region=face, measures={"blur_coverage": blur, "sharpness": f32(0.9 - blur), **severity}
            ),
            RegionScore(
                n=1,
                region=palm,
                measures={"blur_coverage": hand, "blur_probability": hand},
                skipped={"sharpness": "too flat to tell"},
            ),
        ),
        blur=encode_rle(mask) if mask.any() else None,
    )


def _findings(i: int) -> tuple[Finding, ...]:
    """As rules write them: one a rule, passes included."""
    blur, hand = face_blur(i), hand_blur(i)
    times = {"frame_index": i * STEP, "start_s": i * STEP / FPS, "end_s": i * STEP / FPS + 0.48}
    face_outcome = "pass" if blur <= 0.04 else "borderline" if blur <= 0.15 else "fail"
    face = Finding(
        rule_id="face-motion-blur",
        outcome=face_outcome,
        severity="error",
        action={"pass": "accept", "borderline": "deblur", "fail": "reject"}[face_outcome],
        measure="blur_coverage",
        text=f"face 1: {blur:.0%} is motion-blurred, limit {0.15 if face_outcome == 'fail' else 0.04:.0%}",
        value=blur,
        limit=0.15 if face_outcome == "fail" else 0.04,
        region_kind="face",
        region_n=1,
        bands=FACE,
        **times,
    )
    palm = Finding(
        rule_id="hand-motion-blur",
        outcome="pass" if hand <= 0.30 else "fail",
        severity="warning",
        action="accept" if hand <= 0.30 else "review",
        measure="blur_coverage",
        text=f"hand 1: {hand:.0%} is motion-blurred, limit 30%",
        value=hand,
        limit=0.30,
        region_kind="hand",
        region_n=1,
        bands=HAND,
        **times,
    )
    return face, palm


def _judgement(i: int) -> FrameJudgement:
    if i < 4 or i in SHOT_STARTS:
        excluded = "dark" if i < 4 else "transition"
        return FrameJudgement(
            frame_index=i * STEP, decision="accept", outcome_worst="pass", excluded=excluded
        )
    findings = _findings(i)
    order = ("accept", "deblur", "review", "reject")
    worst = max(findings, key=lambda f: order.index(f.action))
    outcome = max((f.outcome for f in findings), key=("skip", "pass", "borderline", "fail").index)
    return FrameJudgement(
        frame_index=i * STEP, decision=worst.action, outcome_worst=outcome, findings=findings
    )


def _crops(i: int) -> tuple[Crop, ...]:
    left = int(face_box(i)[0]) - 130
    return (
        Crop(ratio="16:9", box_xyxy=(0, 0, WIDTH, HEIGHT), score=f32(0.8)),
        Crop(ratio="2:3", box_xyxy=(left, 0, left + 480, HEIGHT), score=f32(0.7)),
        Crop(ratio="1:1", box_xyxy=(left - 120, 0, left + 600, HEIGHT), score=f32(0.75)),
    )


def _parts(i: int) -> dict[str, float]:
    parts = {
        "face_sharpness": 0.95 - face_blur(i),
        "frame_sharpness": 0.9 - hand_blur(i) / 2,
        "face_area": 0.45 + 0.2 * float(np.sin(i)),
        "exposure": 0.88 - 0.05 * (i % 5),
    }
    return {name: f32(value) for name, value in parts.items()}


def _ranks(n_frames: int, judgements: list[FrameJudgement]) -> list[FrameRank]:
    scores = [f32(sum(_parts(i).values()) / 4) for i in range(n_frames)]
    free = [i for i in range(n_frames) if judgements[i].excluded is None]
    keep = sorted((i for i in free if judgements[i].decision == "accept"), key=lambda i: -scores[i])
    picks = {i: place for place, i in enumerate(keep[::3][:12], start=1)}
    ranks = []
    for i in range(n_frames):
        base = FrameRank(frame_index=i * STEP, score=scores[i], score_parts=_parts(i))
        if place := picks.get(i):
            by_crop = {"16:9": place, "2:3": len(picks) + 1 - place, "1:1": place}
            ranks.append(replace(base, rank=place, rank_by_crop=by_crop, crops=_crops(i)))
        elif judgements[i].excluded:
            ranks.append(replace(base, unranked=f"excluded:{judgements[i].excluded}"))
        elif judgements[i].decision != "accept":
            ranks.append(replace(base, unranked=REFUSED[judgements[i].decision]))
        elif i in keep[1::3]:
            ranks.append(replace(base, unranked="duplicate", duplicate_of=keep[0] * STEP))
        else:
            ranks.append(replace(base, unranked="outranked"))
    return ranks


PROVENANCE = Provenance(
    plugin_version="0.1.0",
    engines=(
        EngineUse(
            name="motion_blur",
            version="1",
            sha256="3f" * 32,
            backend="openvino",
            device="CPU",
            precision="bf16",
        ),
        EngineUse(
            name="regions", version="1", sha256="a1" * 32, backend="openvino", device="CPU", precision="f32"
        ),
    ),
    decoder="pyav 18.0.0, FFmpeg 8.1",
    sample="2fps",
    rules_id="thumbnail-candidates",
    rules_sha256="7c" * 32,
    measure_key="5d" * 32,
    judge_key="e4" * 32,
)
MEDIA = MediaInfo(
    container="mov,mp4",
    codec="h264",
    pixel_format="yuv420p",
    width_px=WIDTH,
    height_px=HEIGHT,
    duration_s=57.6,
    average_fps=FPS,
    notes=("untagged HD taken as bt709",),
    decoder="pyav",
)


def fake_report(n_frames: int = 120, name: str = "talk with hands.mp4") -> AssetReport:
    """A video that goes to review, with findings, ranks, crops and a funnel that adds up."""
    judgements = [_judgement(i) for i in range(n_frames)]
    ranks = _ranks(n_frames, judgements)
    rows = tuple(
        FrameRow(score=_score(i), judgement=judgement, rank=rank)
        for i, (judgement, rank) in enumerate(zip(judgements, ranks, strict=True))
    )
    funnel: dict[str, int] = {}
    for rank in ranks:
        if rank.unranked:
            funnel[rank.unranked] = funnel.get(rank.unranked, 0) + 1
    flagged = (f for j in judgements for f in j.findings if f.outcome in {"borderline", "fail"})
    return AssetReport(
        asset=Asset(id="ab" * 32, path=f"/assets/{name}", kind="video"),
        verdict="review",
        media=MEDIA,
        frames=rows,
        findings=tuple(flagged),
        funnel=funnel,
        coverage=Coverage(
            duration_s=57.6,
            decoded_s=57.6,
            frames_decoded=n_frames * STEP,
            frames_scored=n_frames,
            frames_lost=0,
            rules_skipped={"eyes-open": "needs the engine eye_state, which is not shipped"},
        ),
        provenance=PROVENANCE,
        rules_text="schema: 1\nid: thumbnail-candidates\n",
        degraded=True,
    )


def fake_artwork() -> AssetReport:
    """One still, accepted."""
    video = fake_report(30, "poster.png")
    row = video.frames[20]
    rank = replace(
        row.rank, rank=1, unranked=None, crops=_crops(20), rank_by_crop={"16:9": 1, "2:3": 1, "1:1": 1}
    )
    regions = tuple(replace(r, region=replace(r.region, frame_index=0)) for r in row.score.regions)
    score = replace(
        row.score,
        frame_index=0,
        pts=None,
        time_base=(1, 1),
        pts_s=0.0,
        duration_s=0.0,
        shot=0,
        regions=regions,
    )
    findings = tuple(replace(f, frame_index=0, start_s=0.0, end_s=0.0) for f in row.judgement.findings)
    judgement = replace(row.judgement, frame_index=0, decision="accept", findings=findings)
    return replace(
        video,
        asset=Asset(id="cd" * 32, path="/assets/poster.png", kind="artwork"),
        verdict="accept",
        media=replace(
            MEDIA, container="png", codec="png", pixel_format="rgb24", duration_s=None, average_fps=None
        ),
        frames=(FrameRow(score=score, judgement=judgement, rank=replace(rank, frame_index=0)),),
        findings=(),
        funnel={},
        coverage=Coverage(duration_s=None, decoded_s=0.0, frames_decoded=1, frames_scored=1, frames_lost=0),
        degraded=False,
    )


def fake_error() -> AssetReport:
    """An asset that could not be checked: no rows."""
    return AssetReport(
        asset=Asset(id="not a hash, but a name", path="/assets/broken.mp4", kind="video"),
        verdict="error",
        media=None,
        frames=(),
        findings=(),
        funnel={},
        coverage=Coverage(duration_s=None, decoded_s=0.0, frames_decoded=0, frames_scored=0, frames_lost=0),
        provenance=PROVENANCE,
        error="broken.mp4: no video stream was found; send the file again from its source",
        error_class="UnsupportedAsset",
        exit_code=20,
    )


@cache
def _wall() -> np.ndarray:
    y = np.linspace(0.0, 1.0, HEIGHT)[:, None, None]
    shade = (1 - y) * (150, 140, 120) + y * (70, 62, 58)
    wall = np.ascontiguousarray(np.broadcast_to(shade, (HEIGHT, WIDTH, 3)), np.uint8)
    for column in range(0, WIDTH, 80):
        cv2.line(wall, (column, 0), (column, HEIGHT), (96, 90, 84), 1, cv2.LINE_AA)
    return wall


def draw_frame(i: int) -> np.ndarray:
    """Frame `i` as BGR: a person before a wall, the hand smeared when it moves."""
    picture = _wall().copy()
    x0, y0, x1, y1 = (int(v) for v in face_box(i))
    centre = ((x0 + x1) // 2, (y0 + y1) // 2)
    cv2.ellipse(picture, (centre[0], HEIGHT), (260, 330), 0, 0, 360, (94, 64, 42), -1, cv2.LINE_AA)
    cv2.ellipse(
        picture, centre, ((x1 - x0) // 2, (y1 - y0) // 2), 0, 0, 360, (150, 178, 214), -1, cv2.LINE_AA
    )
    for side in (-45, 45):
        cv2.circle(picture, (centre[0] + side, centre[1] - 20), 12, (50, 40, 36), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (centre[0], centre[1] + 62), (40, 16), 0, 0, 180, (70, 70, 150), 4, cv2.LINE_AA)
    _draw_hand(picture, i)
    return picture


def _draw_hand(picture: np.ndarray, i: int) -> None:
    """Blends the hand into its surroundings, in place."""
    x0, y0, x1, y1 = (int(v) for v in hand_box(i))
    around = picture[max(0, y0 - 20) : y1 + 20, x0 - 80 : x1 + 80]
    matte = np.zeros(around.shape[:2], np.float32)
    centre = (around.shape[1] // 2, around.shape[0] // 2)
    cv2.ellipse(matte, centre, ((x1 - x0) // 3, (y1 - y0) // 3), 20, 0, 360, 1.0, -1)
    if hand_blur(i) > 0.3:
        matte = cv2.blur(matte, (1 + int(120 * hand_blur(i)), 9))
    skin = np.array((150, 178, 214), np.float32)
    around[:] = around * (1 - matte[..., None]) + skin * matte[..., None]


def jpeg(picture: np.ndarray, quality: int = 80) -> bytes:
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return bytes(data)


def draw_pictures(frame_indices: tuple[int, ...]) -> dict[int, bytes]:
    """JPEGs of frames, 960 px wide."""
    return {index: jpeg(cv2.resize(draw_frame(index // STEP), (960, 540))) for index in frame_indices}


def draw_regions(wanted: tuple[tuple[int, str, int], ...]) -> dict[tuple[int, str, int], bytes]:
    """JPEGs of regions at their own pixels."""
    crops = {}
    for index, kind, n in wanted:
        i = index // STEP
        x0, y0, x1, y1 = (int(v) for v in (face_box(i) if kind == "face" else hand_box(i)))
        crops[index, kind, n] = jpeg(draw_frame(i)[y0:y1, x0:x1])
    return crops
