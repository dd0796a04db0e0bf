"""The host's door in Python: the manifest, one call that checks an asset, and one that answers an event."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.batch import AssetOutcome, check
from qc_plugin.config import load_config
from qc_plugin.host.event import parse_event
from qc_plugin.host.event_handler import EventHandler
from qc_plugin.host.manifest import read_manifest
from qc_plugin.host.result import Progress, line
from qc_plugin.host.schemas import schema_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Plugin:
    """What a host gets from the entry point `media.plugins`."""

    manifest: dict[str, Any]
    _handler: EventHandler = field(default_factory=EventHandler, repr=False)

    def check(self, path: str | Path, **settings: Any) -> AssetOutcome:
        """Check one asset; `settings` are those of `RunConfig`. Raises ConfigError for an unknown one."""
        return check(Path(path), load_config(settings)[0])

    def hook(
        self,
        event: Mapping[str, Any],
        *,
        tell: Callable[[dict[str, Any]], None] | None = None,
        stop: threading.Event | None = None,
    ) -> dict[str, Any]:
        """Answer one event as `qc-plugin hook` does; engines stay loaded for the next one.

        `tell` gets each progress line as a dict, `stop` ends the work at the next batch of frames. Raises
        UsageError or ConfigError for what is not an event; everything else is in the result.
        """
        parsed, warnings = parse_event(json.dumps(dict(event)).encode())

        def say(progress: Progress) -> None:
            assert tell is not None
            tell(json.loads(line(progress)))

        result = self._handler.answer(parsed, tell=say if tell else None, stop=stop)
        result = result.model_copy(update={"warnings": [*warnings, *result.warnings]})
        return dict(json.loads(line(result)))

    def schema(self, name: str) -> dict[str, Any]:
        """JSON Schema of `manifest`, `event`, `result` or `ruleset`."""
        return schema_of(name)


def create() -> Plugin:
    """Entry point of `plugin.yaml`."""
    return Plugin(read_manifest())
