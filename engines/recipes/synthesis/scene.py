"""What is in one training picture, as parameters: drawn from a seed, rendered by `synthesis.py`.

Nothing here touches pixels, so a scene can be printed, counted and tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from .kernels import Defocus, Motion

MODES = ("object", "pan", "both", "frame", "sharp")
CUTOUTS = ("own_matte", "own_part", "own_segments", "other_matte", "other_part", "shape", "blob", "text")
STAGE_KINDS = (  # the curriculum: what moves how in stages 1, 2, 3
    ("straight", "walk"),
    ("straight", "walk", "curved", "rolling", "edge_ring"),
    ("straight", "walk", "curved", "rolling", "edge_ring", "zoom_rotation"),
)
KIND_WEIGHTS = {
    "straight": 5.0,
    "curved": 2.0,
    "walk": 1.5,
    "zoom_rotation": 1.8,
    "rolling": 0.5,
    "edge_ring": 0.3,
}


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often things happen. The defaults are what the engine is trained on; ablations change one."""

    stage: int = 3  # curriculum stage, 1..3
    modes: tuple[float, ...] = (0.27, 0.27, 0.10, 0.08, 0.28)  # as MODES
    coverage: tuple[float, float, float] = (0.12, 0.66, 0.22)  # of a moving object: sharp, full, partial
    mask_centric: float = 0.5  # one object filling the view; else the whole picture with up to three objects
    background_defocus: float = 0.45
    ground_defocus_px: float = 13.0  # largest radius of a ground out of focus
    sharp_objects: float = 0.6  # of sharp pictures: with objects, which stand before a defocused ground
    object_defocus: float = 0.15
    frame_softness: float = 0.45  # of sharp and whole-frame pictures
    sharpening: float = 0.55
    degraded: float = 0.4  # noise, resampling, strong compression
    streamed: float = 0.0  # H.264 instead of JPEG
    min_extent_px: float = 1.5
    extents: tuple[float, float, float] = (0.28, 0.40, 0.32)  # subtle, middle, long
    easy: bool = False


EASY = Mixture(
    stage=1, modes=(0.33, 0.33, 0.10, 0.12, 0.12), background_defocus=0.1, object_defocus=0.0,
    frame_softness=0.12, degraded=0.2, min_extent_px=7.0, easy=True,
)  # fmt: skip
STAGES = (EASY, Mixture(stage=2), Mixture(stage=3))
PANS = Mixture(  # what photographers do on purpose: the ground smeared far, the subject sharp, a good camera
    stage=2, modes=(0.20, 0.50, 0.10, 0.10, 0.10), coverage=(0.10, 0.80, 0.10), mask_centric=0.4,
    background_defocus=0.3, object_defocus=0.05, frame_softness=0.3, sharpening=0.6, degraded=0.1,
    min_extent_px=5.0, extents=(0.0, 0.45, 0.55),
)  # fmt: skip
CLIPS = Mixture(  # what webcams and encoders make of people who move: soft everywhere, sharp nowhere
    stage=3, modes=(0.55, 0.08, 0.10, 0.05, 0.22), coverage=(0.20, 0.60, 0.20), mask_centric=0.7,
    background_defocus=0.3, frame_softness=0.3, sharpening=0.4, degraded=0.7, streamed=0.8,
    min_extent_px=2.0, extents=(0.25, 0.55, 0.20),
)  # fmt: skip
UNTOUCHED = Mixture(  # photos as they are, but for what cameras do: most of what a catalogue holds
    stage=3, modes=(0.05, 0.05, 0.0, 0.05, 0.85), mask_centric=0.25, sharp_objects=0.0,
    frame_softness=0.1, sharpening=0.4, degraded=0.25,
)  # fmt: skip
BOKEH = Mixture(  # long lenses wide open: grounds melt, the subject may move or not
    stage=3, modes=(0.25, 0.12, 0.05, 0.03, 0.55), coverage=(0.25, 0.60, 0.15), background_defocus=0.9,
    ground_defocus_px=36.0, sharp_objects=0.9, object_defocus=0.1, frame_softness=0.3, degraded=0.25,
    extents=(0.15, 0.45, 0.40),
)  # fmt: skip
NAMED = {"pans": PANS, "clips": CLIPS, "untouched": UNTOUCHED, "bokeh": BOKEH}


@dataclass(frozen=True, slots=True)
class CutOut:
    """Where an object's outline and colours come from."""

    kind: str
    photo: int  # index of the photo that lends it; the scene's own for own_*
    long_side_px: float
    at_xy: tuple[float, float]  # where the lending view is taken, fraction of its photo
    gain: float  # brightness of borrowed colours
    feather_px: float
    seed: int


@dataclass(frozen=True, slots=True)
class ObjectLayer:
    """One object: outline, how much of it moves, how, and how far out of focus it is."""

    cutout: CutOut
    coverage: str  # sharp | full | partial
    motion: Motion | None
    ring_px: float  # > 0: only a band of this width at the outline moves (edge ring)
    defocus: Defocus | None


@dataclass(frozen=True, slots=True)
class Camera:
    """What happens to the light after the exposure."""

    gain: float = 1.0
    gamma: float = 2.2
    shot_noise: float = 0.0  # variance per unit of linear light
    read_noise: float = 0.0  # standard deviation, linear
    grain: float = 0.0  # 8-bit steps
    grain_px: float = 0.0
    shrink: float = 1.0  # resampled to this fraction and back
    soft_px: float = 0.0  # Gaussian of demosaicing or denoising, everywhere
    sharpen: float = 0.0
    sharpen_px: float = 1.0
    jpeg_quality: int = 100  # 100: not compressed
    h264_crf: int = 0  # > 0: a frame of a stream at this constant rate factor, instead of a JPEG


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture to render."""

    mode: str
    photo: int
    long_side_px: float
    at_xy: tuple[float, float]
    centre_on_object: bool
    highlights: float  # clipped highlights are brighter than white by up to this factor before the exposure
    layers: tuple[ObjectLayer, ...] = ()
    background_motion: Motion | None = None
    frame_motion: Motion | None = None
    background_defocus: Defocus | None = None
    frame_defocus: Defocus | None = None
    depth: str = "even"  # frame defocus: even | ramp | blob
    camera: Camera = field(default_factory=Camera)
    seed: int = 0


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A draw with equal weight to every octave."""
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def draw_extent(rng: np.random.Generator, mix: Mixture) -> float:
    """Subtle, middle and long blurs, px at analysis scale."""
    if mix.easy:
        return log_uniform(rng, mix.min_extent_px, 75)
    low, high = ((1.5, 6.0), (5.0, 30.0), (16.0, 75.0))[int(rng.choice(3, p=mix.extents))]
    return max(mix.min_extent_px, log_uniform(rng, low, high))


def draw_motion(rng: np.random.Generator, mix: Mixture, *, kind: str | None = None) -> Motion:
    """A movement of a kind the curriculum allows (edge rings move straight)."""
    if kind is None:
        kinds = [k for k in STAGE_KINDS[mix.stage - 1] if k != "edge_ring"]
        weights = np.array([KIND_WEIGHTS[k] for k in kinds])
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
    extent = draw_extent(rng, mix)
    if kind in ("zoom_rotation", "rolling"):
        extent = max(3.0, extent)  # interpolation softens by a pixel, which must not be what gives these away
    return Motion(
        kind=kind,
        extent_px=extent,
        angle_rad=float(rng.uniform(0, math.pi)),
        bend=float(rng.uniform(-0.7, 0.7)),
        wobble=float(rng.uniform(0.5, 2.2)),
        ease=float(rng.uniform(-0.8, 0.8)) if rng.random() < 0.3 else 0.0,
        centre_xy=(float(rng.uniform(0, 1)), float(rng.uniform(0, 1))),
        zoom_share=float(rng.choice([1.0, 0.0, rng.uniform()], p=[0.4, 0.3, 0.3])),
        wave=float(rng.uniform(0, 0.6)),
        seed=int(rng.integers(2**31)),
    )


def draw_defocus(rng: np.random.Generator, low: float, high: float) -> Defocus:
    """A lens out of focus, radius log-uniform."""
    return Defocus(
        kind=str(rng.choice(["disc", "ring", "hexagon", "gaussian"], p=[0.4, 0.2, 0.15, 0.25])),
        radius_px=log_uniform(rng, low, high),
        rim=float(rng.uniform(0, 2)),
        angle_rad=float(rng.uniform(0, 1)),
    )


def draw_camera(rng: np.random.Generator, mix: Mixture) -> Camera:
    """Half of the pictures are clean, half come from a poor camera or a hard-working encoder."""
    poor = rng.random() < mix.degraded
    sharpen = rng.random() < mix.sharpening
    camera = Camera(
        gain=log_uniform(rng, 0.25, 1.2) if rng.random() < 0.4 else float(rng.uniform(0.75, 1.2)),
        gamma=float(rng.uniform(1.9, 2.6)),
        sharpen=float(rng.uniform(0.3, 1.8)) if sharpen else 0.0,
        sharpen_px=float(rng.uniform(0.6, 1.8)),
        jpeg_quality=int(rng.integers(40 if poor else 70, 98)) if rng.random() < 0.85 else 100,
    )
    if mix.streamed and rng.random() < mix.streamed:
        camera = replace(camera, jpeg_quality=100, h264_crf=int(rng.integers(18, 33)))
    if not poor:
        return camera
    return replace(
        camera,
        shot_noise=float(rng.uniform(0, 6e-4)) if rng.random() < 0.6 else 0.0,
        read_noise=float(rng.uniform(0, 6e-3)) if rng.random() < 0.6 else 0.0,
        grain=float(rng.uniform(0, 4)) if rng.random() < 0.5 else 0.0,
        grain_px=float(rng.uniform(0.0, 1.2)),
        shrink=float(rng.uniform(0.4, 0.9)) if rng.random() < 0.35 else 1.0,
        soft_px=float(rng.uniform(0.3, 1.4)) if rng.random() < 0.5 else 0.0,
    )


def draw_layer(rng: np.random.Generator, mix: Mixture, mode: str, photo: int, traits: Traits) -> ObjectLayer:
    """One object; it moves in modes `object` and `both`, stands still before a moving background in `pan`."""
    coverage = (
        str(rng.choice(["sharp", "full", "partial"], p=mix.coverage))
        if mode in ("object", "both")
        else "sharp"
    )
    ring = mix.stage >= 2 and rng.random() < KIND_WEIGHTS["edge_ring"] / sum(KIND_WEIGHTS.values())
    return ObjectLayer(
        cutout=draw_cutout(rng, photo, traits),
        coverage=coverage,
        motion=None if coverage == "sharp" else draw_motion(rng, mix, kind="straight" if ring else None),
        ring_px=float(rng.uniform(3, 12)) if ring else 0.0,
        defocus=draw_defocus(rng, 1.0, 10.0) if rng.random() < mix.object_defocus else None,
    )


@dataclass(frozen=True, slots=True)
class Traits:
    """Which photos have what: indices with a person matte, and with face / hand parts."""

    n_photos: int
    with_matte: tuple[int, ...]
    with_parts: tuple[int, ...]


def draw_cutout(rng: np.random.Generator, photo: int, traits: Traits) -> CutOut:
    """An outline: a person, a hand or face, a region that follows picture edges, a drawn shape, a title."""
    weights = {
        "own_matte": 4.0 if photo in traits.with_matte else 0.0,
        "own_part": 1.6 if photo in traits.with_parts else 0.0,
        "own_segments": 1.2,  # intricate: many make pictures that no camera takes
        "other_matte": 2.2 if traits.with_matte else 0.0,
        "other_part": 0.7 if traits.with_parts else 0.0,
        "shape": 0.8,
        "blob": 0.6,
        "text": 0.35,
    }
    share = np.array([weights[k] for k in CUTOUTS])
    kind = str(rng.choice(CUTOUTS, p=share / share.sum()))
    lenders = {"other_matte": traits.with_matte, "other_part": traits.with_parts}.get(kind, (photo,))
    return CutOut(
        kind=kind,
        photo=int(rng.choice(lenders)),
        long_side_px=log_uniform(rng, 300, 900) if kind == "other_matte" else log_uniform(rng, 500, 1000),
        at_xy=(float(rng.uniform()), float(rng.uniform())),
        gain=float(rng.uniform(0.7, 1.2)),
        feather_px=float(rng.choice([0.0, rng.uniform(0.5, 2), rng.uniform(2, 6)], p=[0.4, 0.4, 0.2])),
        seed=int(rng.integers(2**31)),
    )


def draw_scene(seed: tuple[int, int], mix: Mixture, traits: Traits) -> Scene:
    """The scene of one seed; the same seed, mixture and photos always give the same scene."""
    rng = np.random.default_rng(seed)
    mode = str(rng.choice(MODES, p=mix.modes))
    photo = int(rng.integers(traits.n_photos))
    centred = bool(rng.random() < mix.mask_centric)
    with_layers = mode in ("object", "pan", "both") or (mode == "sharp" and rng.random() < mix.sharp_objects)
    n_layers = (1 if centred else int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))) if with_layers else 0
    whole = mode in ("frame", "sharp")
    return Scene(
        mode=mode,
        photo=photo,
        long_side_px=log_uniform(rng, 560, 1000) if centred else log_uniform(rng, 430, 760),
        at_xy=(float(rng.uniform()), float(rng.uniform())),
        centre_on_object=centred,
        highlights=float(rng.uniform(0, 4)) if rng.random() < 0.5 else 0.0,
        layers=tuple(draw_layer(rng, mix, mode, photo, traits) for _ in range(n_layers)),
        background_motion=draw_motion(rng, mix) if mode in ("pan", "both") else None,
        frame_motion=draw_motion(rng, mix) if mode == "frame" else None,
        background_defocus=(
            draw_defocus(rng, 1.0, mix.ground_defocus_px) if rng.random() < mix.background_defocus else None
        ),
        frame_defocus=draw_defocus(rng, 0.7, 12.0) if whole and rng.random() < mix.frame_softness else None,
        depth=str(rng.choice(["even", "ramp", "blob"], p=[0.4, 0.3, 0.3])),
        camera=draw_camera(rng, mix),
        seed=int(rng.integers(2**31)),
    )
