"""The host's door: the manifest, and one call that checks an asset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from qc_plugin.batch import AssetOutcome, check
from qc_plugin.config import load_config
from qc_plugin.resources import shipped


@dataclass(frozen=True, slots=True)
class Plugin:
    """What a host gets from the entry point `media.plugins`."""

    manifest: dict[str, Any]

    def check(self, path: str | Path, **settings: Any) -> AssetOutcome:
        """Check one asset; `settings` are those of the manifest. Raises ConfigError for an unknown one."""
        return check(Path(path), load_config(settings)[0])


def create() -> Plugin:
    """Entry point of `plugin.yaml`."""
    return Plugin(yaml.safe_load(shipped("plugin.yaml").read_text(encoding="utf-8")))
