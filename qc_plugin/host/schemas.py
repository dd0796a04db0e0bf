"""The JSON Schemas we publish, made from the models that check; `qc_plugin/schemas/` holds them as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from qc_plugin.errors import UsageError
from qc_plugin.host.event import Event
from qc_plugin.host.manifest import Manifest
from qc_plugin.host.result import Progress, Refusal, Result
from qc_plugin.rulesets.ruleset import json_schema

FOLDER = Path(__file__).resolve().parent.parent / "schemas"
NAMES = ("manifest", "event", "result", "ruleset")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of that name. `result` describes one line of standard output, whichever it is."""
    if name == "manifest":
        made = Manifest.model_json_schema()
    elif name == "event":
        made = Event.model_json_schema(by_alias=True)
    elif name == "result":
        lines = TypeAdapter[Any](Progress | Result | Refusal)
        made = lines.json_schema(by_alias=True, mode="serialization")
    elif name == "ruleset":
        made = json_schema()
    else:
        raise UsageError(f"no schema `{name}`; known: {', '.join(NAMES)}")
    return {
        "$schema": _DIALECT,
        "title": f"qc-plugin {name}",
        **{k: v for k, v in made.items() if k != "title"},
    }


def schema_text(name: str) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema_of(name), indent=2, sort_keys=True) + "\n"
