"""Every hook an installed package may implement, through the entry-point group `qc_plugin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.types import AssetReport

hookspec = pluggy.HookspecMarker("qc_plugin")
hookimpl = pluggy.HookimplMarker("qc_plugin")


class Hooks:
    """The whole extension surface. Hooks run after the report is durable and cannot change it."""

    @hookspec
    def asset_finished(self, report: AssetReport, path: Path) -> None:
        """Call after the report of one asset was renamed into place at `path`."""

    @hookspec
    def batch_finished(self, reports: Path, n_done: int, n_failed: int) -> None:
        """Call once after a scan; `reports` is the reports folder."""


def plugin_manager() -> pluggy.PluginManager:
    """Manager with every installed plugin of the group loaded."""
    manager = pluggy.PluginManager("qc_plugin")
    manager.add_hookspecs(Hooks)
    manager.load_setuptools_entrypoints("qc_plugin")
    return manager
