"""The event a host sends: one JSON object, checked before anything is touched.

A field we do not know is named and ignored, so that a newer host can talk to an older plugin; a setting we do
not know is an error, because a misspelt `rules` that is ignored would judge by the wrong ones.
"""

from __future__ import annotations

import hashlib
import json
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qc_plugin.errors import ConfigError, UsageError

PROTOCOL = 1
EVENT_LIMIT_BYTES = 1 << 20  # an event names assets, it does not carry them
EventName = Literal["asset.ingested", "artwork.submitted", "thumbnail.candidates", "task.run"]
EVENTS: tuple[EventName, ...] = ("asset.ingested", "artwork.submitted", "thumbnail.candidates", "task.run")
_DEPTH = 20  # of nesting; ours is 4 deep
Text = Annotated[str, Field(min_length=1, max_length=4096)]


class _Open(BaseModel):
    """A part of the event: unknown fields are kept aside, to be named in a warning."""

    model_config = ConfigDict(extra="allow", frozen=True)


class AssetRef(_Open):
    """What to look at."""

    uri: Text = Field(
        description="A path, a file: or s3:// address, or what an installed asset_resolver knows"
    )
    id: Annotated[str, Field(max_length=4096)] | None = Field(
        None, description="The host's name for it; given back"
    )
    kind: Literal["video", "artwork"] | None = Field(
        None, description="What the host takes it for; a mismatch warns"
    )
    content: str | None = Field(None, description="What it shows, e.g. live-action or animation; given back")


class EventSettings(BaseModel):
    """The settings of plugin.yaml. Limits, engines and addresses are the operator's, never the event's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: str | None = Field(None, description="Name or file of a rule set")
    sample: str | None = Field(None, description="Frames to score: <number>fps, keyframes, all or auto")
    reports: str | None = Field(None, description="Where reports go")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Device for the engines")
    fail_on: Literal["reject", "review", "never"] = Field(
        "reject", description="From which verdict on `stop` is true"
    )
    dry_run: bool = Field(
        default=False, description="Decide and report, but stop nothing, store and send nothing"
    )


class Event(_Open):
    """One call of the plugin."""

    protocol: Literal[1] = Field(alias="schema", description="Version of this protocol")
    event: EventName = Field(description="What happened")
    id: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        description="Of this event, chosen by the host; the same id gives the stored result"
    )
    asset: AssetRef | None = Field(
        None, description="The asset; needed by asset.ingested and artwork.submitted"
    )
    candidates: Annotated[list[AssetRef], Field(max_length=500)] | None = Field(
        None, description="Stills to choose from (thumbnail.candidates), instead of `asset`"
    )
    task: Literal["nightly-scan", "warm-up"] | None = Field(None, description="Which task (task.run)")
    paths: Annotated[list[Text], Field(max_length=10_000)] | None = Field(
        None, description="Files and folders (nightly-scan)"
    )
    settings: EventSettings = Field(default_factory=lambda: EventSettings.model_validate({}))
    timeout_s: Annotated[float, Field(gt=0, le=7 * 86_400, allow_inf_nan=False)] | None = Field(
        None, description="Seconds until the host stops waiting; default: that of the hook in plugin.yaml"
    )
    causation: str | None = Field(None, description="Id of the event that led to this one; given back")


def parse_event(raw: bytes) -> tuple[Event, list[str]]:
    """The event in `raw`, and a warning per field we do not know. Raises UsageError or ConfigError."""
    data = _load(raw)
    _check_head(data)
    try:
        event = Event.model_validate(data)
    except ValidationError as error:
        raise _sentence(error) from error
    _check_parts(event)
    return event, [f"unknown field `{path}` ignored" for path in _unknown(event, "")]


def fingerprint(event: Event) -> str:
    """SHA-256 of what is asked: a repeated id with another question is a mistake of the host."""
    asked = event.model_dump(
        mode="json", include={"event", "asset", "candidates", "task", "paths", "settings"}
    )
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _load(raw: bytes) -> dict[str, Any]:
    if len(raw) > EVENT_LIMIT_BYTES:
        raise UsageError(
            f"the event is larger than {EVENT_LIMIT_BYTES >> 20} MiB; send addresses, not content"
        )
    if not raw.strip():
        raise UsageError("no event on standard input; send one JSON object, see `qc-plugin schema event`")
    try:
        _check_depth(raw)
        data = json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the event is not one JSON object in UTF-8: {error}; see `qc-plugin schema event`"
        ) from error
    if not isinstance(data, dict):
        raise UsageError(
            f"the event is not one JSON object, but {type(data).__name__}; see `qc-plugin schema event`"
        )
    return data


def _check_depth(raw: bytes) -> None:
    """Refuse deep nesting before the parser recurses into it (brackets inside text count too)."""
    depth = 0
    for byte in raw:
        depth += (byte in b"[{") - (byte in b"]}")
        if depth > _DEPTH:
            raise ValueError(f"nested deeper than {_DEPTH} levels")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON; leave the field out")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key `{twice}` stands twice in one object")
    return keys


def _check_head(data: dict[str, Any]) -> None:
    """Version and name first: with these wrong, nothing else can be trusted."""
    version = data.get("schema")
    if isinstance(version, str) and version.strip() == str(PROTOCOL):
        raise UsageError(f"`schema` is the text {_shown(version)}; send the number {PROTOCOL} without quotes")
    if version != PROTOCOL or isinstance(version, bool):
        raise UsageError(
            f"unknown protocol version: `schema` is {_shown(version)}, this plugin speaks {PROTOCOL}; "
            "upgrade the older side"
        )
    name = data.get("event")
    if name not in EVENTS:
        near = get_close_matches(str(name), EVENTS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(EVENTS)}"
        what = "`event` is missing" if name is None else f"unknown event {_shown(name)}"
        raise UsageError(f"{what}; {hint}")


def _shown(value: object) -> str:
    """As JSON has it, so that text is told from a number."""
    return "missing" if value is None else f"`{json.dumps(value, ensure_ascii=False, default=str)[:60]}`"


def _sentence(error: ValidationError) -> UsageError | ConfigError:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        near = get_close_matches(key, EventSettings.model_fields, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(EventSettings.model_fields)}"
        return ConfigError(f"unknown setting `{key[:60]}`; {hint}")
    kind = ConfigError if first["loc"][0] == "settings" else UsageError
    given = first["input"]
    # Addresses may carry keys, and a whole object says nothing.
    tells = isinstance(given, str | int | float) and not path.endswith("uri")
    shown = f", not {_shown(given)}" if tells else ""
    return kind(f"`{path}`: {first['msg'].lower()}{shown}; see `qc-plugin schema event`")


def _check_parts(event: Event) -> None:
    """Each event has what it speaks of, and nothing that would be left unread."""
    needs = {"asset.ingested": ("asset",), "artwork.submitted": ("asset",), "task.run": ("task",)}
    for part in needs.get(event.event, ()):
        if getattr(event, part) is None:
            raise UsageError(f"`{event.event}` needs `{part}`; see `qc-plugin schema event`")
    if event.event == "thumbnail.candidates" and bool(event.candidates) == (event.asset is not None):
        raise UsageError("`thumbnail.candidates` needs either `asset` (a video) or `candidates` (stills)")
    if event.task == "nightly-scan" and not event.paths:
        raise UsageError("the task `nightly-scan` needs `paths`: the files and folders to scan")


def _unknown(part: BaseModel, prefix: str) -> list[str]:
    found = [f"{prefix}{name[:60]}" for name in part.model_extra or {}]
    for name in type(part).model_fields:
        value = getattr(part, name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, BaseModel):
                found += _unknown(each, f"{prefix}{name}.")
    return sorted(set(found))
