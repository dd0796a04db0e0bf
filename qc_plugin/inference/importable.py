"""Networks of others that can be imported: where they come from, their pinned checksums, their contracts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REQUIREMENT = "mediapipe==0.10.21"
WHEEL_LICENCE = "mediapipe-0.10.21.dist-info/LICENSE"
WHEELS = {  # of Python 3.11 and 3.12, as the package index states them
    "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl": (
        "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
    ),
    "mediapipe-0.10.21-cp311-cp311-macosx_11_0_universal2.whl": (
        "b4946abad54d62812ce4c543187373a4872985fd66cd43fe7437f4b95d53d9ec"
    ),
    "mediapipe-0.10.21-cp311-cp311-macosx_11_0_x86_64.whl": (
        "fabb8c4703b982dfbc918e939d340202db5d74603f7948c98eeef56166a6cac4"
    ),
    "mediapipe-0.10.21-cp311-cp311-win_amd64.whl": (
        "c9ad3adcf2b606f0ebde89afce29da8852f1c93f4fcb7f8dc93d72313625aa6d"
    ),
    "mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl": (
        "956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5"
    ),
    "mediapipe-0.10.21-cp312-cp312-macosx_11_0_universal2.whl": (
        "a65508f8c0e28a73f519c8a717f95949b9d5b2fb3bf4a632b181cdb71224d62e"
    ),
    "mediapipe-0.10.21-cp312-cp312-macosx_11_0_x86_64.whl": (
        "96bf0dafa9851c74b1f930090193f23c257ccf4bb1bdebbd2ca3a02397011c0e"
    ),
    "mediapipe-0.10.21-cp312-cp312-win_amd64.whl": (
        "d07b5e69308411161286ea4e48be2ea3e9ab62745143fcb0cb4acced0517e341"
    ),
}


@dataclass(frozen=True, slots=True)
class Importable:
    """One network. `source`: its place in the wheel; the rest is what engine.yaml will say."""

    source: str
    sha256: str
    version: str
    licence: str
    input: dict[str, Any]
    outputs: tuple[str, ...]
    size: dict[str, int]
    decoder: str
    finds: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of the model file."""
        return self.source.rsplit("/", 1)[-1]

    def contract(self, name: str, n_bytes: int) -> dict[str, Any]:
        """The content of engine.yaml."""
        return {
            "schema": 1,
            "name": name,
            "version": self.version,
            "task": "regions",
            "licence": self.licence,
            "model": {"file": self.file, "sha256": self.sha256, "bytes": n_bytes},
            "inputs": [self.input],
            "outputs": [{"name": output, "layout": "NKV"} for output in self.outputs],
            "size": self.size,
            "decoder": self.decoder,
            "classes": [self.finds],
            "params": self.params,
        }


def notice(origin: str) -> bytes:
    """What lies beside an imported network about where it comes from."""
    text = (
        f"The network in this folder comes from {origin}.\n"
        "It is unchanged, and was put here by `qc-plugin engines import` because a user asked for it.\n"
        "Its licence is named in engine.yaml; engine.yaml itself was written by qc-plugin.\n"
    )
    return text.encode()


def _square(side: int) -> dict[str, int]:
    return {"multiple": side, "min": side, "max": side, "long_side": side, "batch": 1}


def _blaze(
    source: str, sha256: str, side: int, least: float, outputs: tuple[str, str], finds: str, **params: Any
) -> Importable:
    """The options that mediapipe gives to one of its SSD networks."""
    signed = finds == "face"  # faces are looked for in -1..1, palms in 0..1
    return Importable(
        source=f"mediapipe/modules/{source}",
        sha256=sha256,
        version="0.10.21",
        licence="Apache-2.0",
        input={
            "name": "input" if outputs[0] == "regressors" else "input_1",
            "layout": "NHWC",
            "colour": "RGB",
            "range": [-1.0 if signed else 0.0, 1.0],
            "padding": 0,
        },
        outputs=outputs,
        size=_square(side),
        decoder="blaze",
        finds=finds,
        params={"boxes": outputs[0], "scores": outputs[1], "thresholds": {finds: least}, **params},
    )


MEDIAPIPE = {
    "mediapipe_face": _blaze(
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        128,
        0.5,
        ("regressors", "classificators"),
        "face",
        anchors=[[8, 2], [16, 6]],
    ),
    "mediapipe_face_far": _blaze(
        "face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        192,
        0.6,
        ("Identity", "Identity_1"),
        "face",
        anchors=[[4, 1]],
    ),
    "mediapipe_palm": _blaze(
        "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        192,
        0.5,
        ("Identity", "Identity_1"),
        "hand",
        anchors=[[8, 2], [16, 6]],
        # Fitted to hand-checked boxes around 464 palms, training split of the regions recipe: 72 % of the
        # boxes made so overlap the hand's by half or more. mediapipe's own 2.6 and 0.5, for key points: 6 %.
        grow={"scale": 1.4, "shift": 0.3, "tail": 0, "head": 2},
    ),
}


def _yunet(file: str, sha256: str, size: dict[str, int]) -> Importable:
    return Importable(
        source=file,
        sha256=sha256,
        version="1.0.0",
        licence="Apache-2.0",
        input={"name": "input", "layout": "NCHW", "colour": "BGR", "range": [0.0, 255.0]},
        outputs=tuple(f"{head}_{stride}" for stride in (8, 16, 32) for head in ("cls", "obj", "bbox")),
        size=size,
        decoder="yunet",
        finds="face",
        params={"strides": [8, 16, 32], "thresholds": {"face": 0.6}},
    )


_ANY_SIZE = {"multiple": 32, "min": 64, "max": 4096, "long_side": 960}
YUNET = {
    engine.sha256: engine
    for engine in (
        _yunet(
            "yunet_n_dynamic.onnx",
            "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
            _ANY_SIZE,
        ),
        _yunet(
            "yunet_n_640_640.onnx",
            "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
            _square(640),
        ),
        _yunet(  # the model zoo's face_detection_yunet_2023mar.onnx
            "yunet_s_640_640.onnx",
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            _square(640),
        ),
    )
}
