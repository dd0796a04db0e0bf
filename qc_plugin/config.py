"""Settings of a run, read once and strictly.

Flags win over QC_* variables, over --config or the nearest file, over the user's file, over defaults.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from qc_plugin import environment
from qc_plugin.errors import ConfigError
from qc_plugin.places import is_file, user_folder, working_folder
from qc_plugin.sample_text import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunConfig(BaseModel):
    """What a run needs to know; nothing below `pipeline` sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: str = Field("default", description="Name or file of a rule set")
    sample: str = Field("2fps", description="Frames to score: <number>fps, keyframes, all or auto")
    reports: Path = Field(
        Path("qc-reports"), description="Folder (or s3://bucket/prefix) for reports, sheets and stills"
    )
    reader: Literal["pyav", "decord"] = Field("pyav", description="Video reader")
    backend: Literal["auto", "openvino", "onnxruntime", "tensorrt"] = Field(
        "auto", description="Runtime for the engines"
    )
    precision: Literal["auto", "f32", "bf16", "f16", "int8"] = Field(
        "auto", description="Arithmetic of the engines"
    )
    detectors: str = Field(
        "regions", description="Engines that find faces, hands and people; a comma between several"
    )
    threads: int | None = Field(None, ge=1, le=256, description="Threads per worker; default: cores / jobs")
    jobs: int | None = Field(None, ge=1, le=256, description="Assets checked at once; default: cores / 2")
    ignore: tuple[str, ...] = Field(
        (), description="Globs of names to leave out of a catalogue (a list, or a comma between several)"
    )
    limits: Literal["strict", "default", "trusted"] = Field("default", description="Profile of asset limits")
    sandbox: Literal["required", "preferred", "off"] = Field(
        "preferred", description="bubblewrap around the process that decodes: required, preferred or off"
    )
    sheet: bool = Field(default=True, description="Write an HTML sheet beside each report")
    on_hook_error: Literal["warn", "fail"] = Field("warn", description="What a hook that fails does")
    hook_timeout_s: float = Field(30.0, gt=0, le=3600, description="Seconds a hook of a package may take")
    webhook: str | None = Field(None, description="Address told of every verdict (signed)")
    repair: bool = Field(default=True, description="Deblur the frames that a rule sends to repair")
    stills: bool = Field(default=True, description="Write the ranked frames as JPEG files")
    store: str | None = Field(None, description="Where reports are put: s3://bucket/prefix; set by reports")

    @property
    def detector_names(self) -> tuple[str, ...]:
        """Names or folders of the engines that find regions, as `detectors` names them."""
        return tuple(name.strip() for name in self.detectors.split(","))

    @field_validator("detectors")
    @classmethod
    def _check_detectors(cls, value: str) -> str:
        if not all(name.strip() for name in value.split(",")):
            raise ValueError("names no engine; write regions, or mediapipe_face,regions")
        return value

    @field_validator("ignore", mode="before")
    @classmethod
    def _split_ignore(cls, value: object) -> object:
        """Variables and flags hold one text."""
        return tuple(g.strip() for g in value.split(",") if g.strip()) if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _split_store(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Reports that go to a store need a folder here: for the ledger, and for what is not put yet."""
        reports = str(values.get("reports", ""))
        if not reports.startswith("s3://"):
            return values
        folder = hashlib.sha256(reports.rstrip("/").encode()).hexdigest()[:16]
        return {**values, "store": reports, "reports": user_folder("STATE") / "stores" / folder}

    @field_validator("sample")
    @classmethod
    def _spell_sample(cls, value: str) -> str:
        return canonical(value)

    @field_validator("store")
    @classmethod
    def _check_store(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"s3://[A-Za-z0-9][A-Za-z0-9._-]+(/.*)?", value):
            raise ValueError("is no address of a store; write s3://bucket/prefix")
        return value


Origins = dict[str, str]


def load_config(
    flags: Mapping[str, Any] | None = None, *, file: Path | None = None, start: Path | None = None
) -> tuple[RunConfig, Origins]:
    """Merge all sources. `flags` holds only what was given on the command line (None = not given).

    Returns the settings and, for each, where its value came from. Raises ConfigError naming the source.
    """
    values: dict[str, Any] = {}
    origins: Origins = dict.fromkeys(RunConfig.model_fields, "default")
    for source, layer in _layers(flags or {}, file, start or working_folder()):
        _refuse_unknown(layer, source)
        _refuse_nul(layer, source)
        values.update(layer)
        origins.update(dict.fromkeys(layer, source))
    try:
        return RunConfig.model_validate(values), origins
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        message = f"{origins.get(key, 'settings')}: `{key}`: {first['msg'].lower()}, got {first['input']!r}"
        raise ConfigError(message) from error


def _layers(
    flags: Mapping[str, Any], file: Path | None, start: Path | None
) -> list[tuple[str, dict[str, Any]]]:
    """All sources, weakest first."""
    user = user_folder("CONFIG") / "config.toml"
    layers = [(str(user), _read_toml(user))] if is_file(user) else []
    if file is not None:
        if not is_file(file):
            raise ConfigError(f"{file}: no such settings file; check the path given to --config")
        layers.append((str(file), _read_toml(file)))
    elif start is not None:
        layers.extend(_nearest(start))
    layers.append(("environment", dict(environment.settings(RunConfig.model_fields))))
    layers.append(("command line", {k: v for k, v in flags.items() if v is not None}))
    return layers


def _nearest(start: Path) -> list[tuple[str, dict[str, Any]]]:
    """`qc-plugin.toml` or `[tool.qc-plugin]` of the nearest folder upwards."""
    for folder in (start, *start.parents):
        own = folder / "qc-plugin.toml"
        if is_file(own):
            return [(str(own), _read_toml(own))]
        project = folder / "pyproject.toml"
        if is_file(project):
            table = _read_toml(project).get("tool", {}).get("qc-plugin")
            if table is not None:
                return [(str(project), dict(table))]
    return []


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows' editors begin with a mark
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); make it readable") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def _refuse_nul(layer: Mapping[str, Any], source: str) -> None:
    """No path and no name holds one, and the system refuses it in words of its own."""
    for key, value in layer.items():
        if "\0" in str(value):
            raise ConfigError(f"{source}: `{key}` holds a NUL character; remove it")


def _refuse_unknown(layer: Mapping[str, Any], source: str) -> None:
    for key in layer:
        if key not in RunConfig.model_fields:
            near = get_close_matches(key, RunConfig.model_fields, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(RunConfig.model_fields)}"
            raise ConfigError(f"{source}: unknown setting `{key}`{hint}")
