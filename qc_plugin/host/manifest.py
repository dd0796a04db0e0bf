"""The shape of plugin.yaml, and what we ourselves read from it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qc_plugin.errors import ConfigError
from qc_plugin.resources import shipped
from qc_plugin.strict_yaml import parse
from qc_plugin.types import Verdict


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Requires(_Strict):
    """What the machine must have."""

    python: str
    gpu: Literal["none", "optional", "required"]
    memory_gb: float = Field(gt=0)


class EntryPoint(_Strict):
    """How to call us: from Python, or as a process."""

    python: str = Field(pattern=r"^[\w.]+:\w+$")
    exec: list[str] = Field(min_length=1)


class Media(_Strict):
    """File types by suffix; a hint for hosts, what is read is decided by content."""

    video: list[str]
    image: list[str]


class Retry(_Strict):
    """When to send the same event again."""

    max: int = Field(ge=0, le=10)
    when: list[Literal["retryable"]]


class HookEntry(_Strict):
    """An event we answer."""

    id: str
    event: Literal["asset.ingested", "artwork.submitted", "thumbnail.candidates"]
    blocking: bool = Field(description="Whether the host should wait for the verdict")
    timeout_s: float = Field(gt=0, description="Taken when the event names none")
    retry: Retry | None = None
    returns: Literal["verdict", "ranking"] = "verdict"


class TaskEntry(_Strict):
    """Work a host may schedule: by `exec`, or as the event `task.run`."""

    id: Literal["nightly-scan", "warm-up"]
    title: str
    args: dict[str, str]
    exec: list[str]
    schedule_hint: str | None = Field(None, description="Cron")
    resumable: bool = False
    cancel: Literal["sigterm"] | None = None


class Setting(_Strict):
    """A setting hosts may show in a form."""

    type: Literal["string", "boolean", "integer", "number", "uri"]
    default: str | bool | int | float | None = None
    required: bool = False
    enum: list[str] | None = None
    title: str
    help: str


class Access(_Strict):
    """What is read and written; never the source asset."""

    reads: list[Literal["asset"]]
    writes: list[Literal["reports", "cache"]]


class Manifest(_Strict):
    """plugin.yaml."""

    manifest: Literal[1] = Field(description="Version of this shape")
    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    name: str
    version: str = Field(pattern=r"^\d+\.\d+\.\d+")
    license: str
    protocol: Literal[1] = Field(description="The `schema` of events and results")
    requires: Requires
    entry: EntryPoint
    media: Media
    hooks: list[HookEntry]
    tasks: list[TaskEntry]
    verdicts: list[Verdict]
    settings: dict[str, Setting]
    secrets: list[str] = Field(description="Names of environment variables; values never stand in files")
    access: Access
    schemas: dict[str, str] = Field(description="Files within the package, or names of table schemas")


def read_manifest() -> dict[str, Any]:
    """plugin.yaml as it is."""
    data = parse(shipped("plugin.yaml").read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


@lru_cache(maxsize=1)
def load_manifest() -> Manifest:
    """plugin.yaml, checked. Raises ConfigError when somebody has edited it into something else."""
    try:
        return Manifest.model_validate(read_manifest())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"plugin.yaml: `{where}`: {first['msg'].lower()}; reinstall qc-plugin") from error


def default_timeout_s(event: str) -> float | None:
    """What plugin.yaml promises for this event; None for tasks, which take as long as they take."""
    return next((hook.timeout_s for hook in load_manifest().hooks if hook.event == event), None)
