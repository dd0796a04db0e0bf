"""`engine.yaml`: the contract of one trained network, read strictly and checked against its files."""

from __future__ import annotations

import difflib
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, ValidationError, model_validator

from qc_plugin.environment import variable
from qc_plugin.errors import EngineError
from qc_plugin.inference import onnx_wire
from qc_plugin.places import user_folder
from qc_plugin.resources import shipped
from qc_plugin.strict_yaml import parse

Dtype = Literal["float32", "float16", "uint8", "int32", "int64"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
]  # no folders: nothing outside the engine
TFLITE = ".tflite"
_FIX = "reinstall qc-plugin, or run `qc-plugin engines verify` to see which engines are whole"


class _Strict(BaseModel):
    """Unknown keys are refused and values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ModelFile(_Strict):
    """The ONNX (or .tflite) file: its name in the engine's folder, and the size and checksum it must have."""

    file: FileName
    sha256: Sha256
    bytes: int = Field(gt=0)
    opset: int | None = Field(default=None, ge=7)


class Variant(ModelFile):
    """The same network in another precision."""

    precision: Literal["int8", "f16", "bf16"]


class TensorSpec(_Strict):
    """One named input or output. `layout` has a letter an axis, `range` is inclusive.

    `padding`: code 0..255 that fills an input where the picture does not reach.
    """

    name: str = Field(min_length=1)
    layout: str = Field(pattern=r"^[A-Z]{1,6}$")
    dtype: Dtype = "float32"
    colour: Literal["RGB", "BGR", "GRAY"] | None = None
    range: tuple[float, float] | None = None
    padding: int = Field(default=127, ge=0, le=255)
    meaning: str = ""


class SizeRule(_Strict):
    """Height and width the network takes, px: multiples of `multiple` within [min, max].

    `long_side` is the analysis scale: the longer side of a picture, in px, that the network was made for.
    `batch`: most pictures that it takes in one run; None: any number.
    """

    multiple: int = Field(default=1, ge=1)
    min: int = Field(default=1, ge=1)
    max: int = Field(default=4096, ge=1)
    long_side: int | None = Field(default=None, ge=1)
    batch: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _ends_fit(self) -> SizeRule:
        if self.max < self.min or self.padded(self.min) > self.max:
            raise ValueError(
                f"size: no multiple of {self.multiple} lies between min {self.min} and max {self.max}"
            )
        if self.long_side is not None and self.padded(self.long_side) > self.max:
            raise ValueError(f"size: long_side {self.long_side} does not fit under max {self.max}")
        return self

    def padded(self, side_px: int) -> int:
        """The smallest side that the network takes and that holds `side_px`; it may exceed `max`."""
        return -(-builtin_max(side_px, self.min, 1) // self.multiple) * self.multiple

    def takes(self, side_px: int) -> bool:
        """True if the network takes exactly this side."""
        return self.min <= side_px <= self.max and side_px % self.multiple == 0


builtin_max = max  # SizeRule has a field of that name


class EngineSpec(_Strict):
    """One engine under contract. `folder` is where it was read from; it is not part of the contract."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+([.+-].+)?$")
    task: Literal["motion_blur", "regions", "deblur"]
    licence: str = Field(min_length=1)
    model: ModelFile
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    size: SizeRule
    decoder: str = Field(min_length=1)
    classes: tuple[str, ...] = ()
    params: dict[str, JsonValue] = Field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    _folder: Path = PrivateAttr(default=Path())
    _digest: str = PrivateAttr(default="")

    @property
    def folder(self) -> Path:
        """Where engine.yaml lies; model files lie beside it."""
        return self._folder

    @property
    def digest(self) -> str:
        """SHA-256 of engine.yaml: of thresholds and of the checksums of all model files."""
        return self._digest

    @property
    def is_tflite(self) -> bool:
        """True if the model is a TFLite file, which only OpenVINO reads."""
        return self.model.file.endswith(TFLITE)

    def model_file(self, precision: str = "f32") -> ModelFile:
        """The file for a precision: the variant made for it, otherwise the one full model."""
        return next((variant for variant in self.variants if variant.precision == precision), self.model)

    def has_variant(self, precision: str) -> bool:
        """True if the engine ships a file made for this precision."""
        return any(variant.precision == precision for variant in self.variants)

    def read_model(self, precision: str = "f32") -> bytes:
        """The checked bytes of the model file. Back-ends load these bytes, so what was checked is what runs.

        Raises EngineError if the file is missing, differs from the contract or points to data outside itself.
        """
        stated = self.model_file(precision)
        path = self._folder / stated.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise EngineError(f"{path}: cannot be read ({error.strerror}); {_FIX}") from error
        if len(content) != stated.bytes:
            raise EngineError(f"{path}: expected {stated.bytes} bytes, got {len(content)}; {_FIX}")
        digest = hashlib.sha256(content).hexdigest()
        if digest != stated.sha256:
            raise EngineError(f"{path}: expected SHA-256 {stated.sha256}, got {digest}; {_FIX}")
        _refuse_external_data(path, content)
        return content

    def verify(self) -> None:
        """Check every model file of the engine, as `read_model` does."""
        for precision in ("f32", *(variant.precision for variant in self.variants)):
            self.read_model(precision)


def _refuse_external_data(path: Path, content: bytes) -> None:
    if path.name.endswith(TFLITE):  # holds all its weights
        if content[4:8] != b"TFL3":
            raise EngineError(f"{path}: is not a TFLite model; get the file again")
        return
    try:
        location = onnx_wire.external_data(content)
    except ValueError as error:
        raise EngineError(f"{path}: is not an ONNX model ({error}); export it again") from error
    if location is not None:
        fix = "export it again as one file (onnx.save with save_as_external_data=False)"
        raise EngineError(
            f"{path}: keeps weights outside itself, in {location!r}, which the checksum misses; {fix}"
        )


def engines_folder() -> Path:
    """The folder of the engines that came with the package."""
    return shipped("engines")


def list_engines() -> list[str]:
    """Names of the engines shipped with this installation, sorted; each can be given to `load_spec`."""
    return _names(engines_folder())


def user_engines_folder() -> Path:
    """Where imported engines lie: $QC_ENGINES_DIR, else qc-plugin/engines in the user's data folder."""
    stated = variable("QC_ENGINES_DIR")
    return Path(stated) if stated else user_folder("DATA") / "engines"


def list_user_engines() -> list[str]:
    """Names of the engines in the user's folder, sorted; one named like a shipped engine cannot be chosen."""
    return [name for name in _names(user_engines_folder()) if name not in list_engines()]


def _names(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/engine.yaml"))


def load_spec(name_or_folder: str | Path) -> EngineSpec:
    """Read the contract of a shipped or imported engine (by name) or of any (by the path of its folder).

    The model files are not opened; `verify` and `read_model` do that. Raises EngineError with the file, the
    place in it and the fix.
    """
    path = _engine_folder(name_or_folder) / "engine.yaml"
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise EngineError(f"{path}: cannot be read ({error.strerror}); {_FIX}") from error


@lru_cache(maxsize=32)  # asked for with every asset; a contract never changes once it is read
def _read(path: Path, _mtime_ns: int, _n_bytes: int) -> EngineSpec:
    """The contract in the file at `path` in this state. Raises OSError, and EngineError for what it says."""
    content = path.read_bytes()
    try:
        value = parse(content.decode("utf-8"))
    except ValueError as error:  # UnicodeDecodeError too
        raise EngineError(f"{path}: is not valid YAML: {error}") from error
    try:
        spec = EngineSpec.model_validate(value)
    except ValidationError as error:
        raise EngineError(f"{path}: {_explain(error)}") from error
    spec._folder = path.parent  # noqa: SLF001 - private so that a contract cannot set it
    spec._digest = hashlib.sha256(content).hexdigest()  # noqa: SLF001
    return spec


def _engine_folder(name_or_folder: str | Path) -> Path:
    """A known name wins; anything that looks like a path is one."""
    text = str(name_or_folder)
    known = list_engines()
    if isinstance(name_or_folder, str) and text in known:
        return engines_folder() / text
    theirs = list_user_engines()
    if isinstance(name_or_folder, str) and text in theirs:
        return user_engines_folder() / text
    if isinstance(name_or_folder, Path) or "/" in text or "\\" in text or Path(text).is_dir():
        return Path(name_or_folder)
    near = difflib.get_close_matches(text, [*known, *theirs], n=1)
    hint = (
        f"did you mean {near[0]!r}?"
        if near
        else f"known engines: {', '.join([*known, *theirs]) or 'none, reinstall qc-plugin'}"
    )
    raise EngineError(f"engine {text!r}: not found; {hint}")


def _explain(error: ValidationError) -> str:
    """All problems of one contract in one sentence, an unknown key with the nearest known one."""
    parts = []
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(str(step) for step in problem["loc"]) or "the file"
        if problem["type"] == "extra_forbidden":
            known = _known_keys(problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            parts.append(f"{where}: unknown key; {hint}")
        elif problem["type"] == "missing":
            parts.append(f"{where}: missing; add it")
        else:
            parts.append(f"{where}: {problem['msg']}, got {_short(problem['input'])}")
    return "; ".join(parts)


_MODELS: dict[str, type[BaseModel]] = {
    "model": ModelFile,
    "inputs": TensorSpec,
    "outputs": TensorSpec,
    "size": SizeRule,
    "variants": Variant,
}


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model = _MODELS[str(location[0])] if location else EngineSpec
    return [field.alias or name for name, field in model.model_fields.items()]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
