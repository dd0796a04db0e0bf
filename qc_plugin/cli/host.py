"""Commands for hosts: hook, manifest, schema, warm-up, webhook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import err, out

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (hook, manifest, schema, webhook):
        app.command()(command)
    app.command("warm-up")(warm_up)


def hook(
    rules: o.Rules = None,
    sample: o.Sample = None,
    reports: o.Reports = None,
    backend: o.Backend = None,
    limits: o.LimitProfile = None,
    config: o.ConfigFile = None,
) -> int:
    """Example: qc-plugin hook --reports qc-reports < event.json

    Answer one JSON event on standard input with JSON lines on standard output: progress, then one result.
    Settings given here win over those of the event. Exit code 0 whenever there is a result.
    """
    from qc_plugin.host.event_handler import EventHandler
    from qc_plugin.host.serve import serve

    flags = {"rules": rules, "sample": sample, "reports": reports, "backend": backend, "limits": limits}
    code = serve(EventHandler(flags, file=config))
    out.file.flush()
    err.file.flush()
    # A hook that hangs may hold threads that never end; everything durable is on disk by now.
    os._exit(code)


def manifest(
    *, path: Annotated[bool, typer.Option("--path", help="Only say where the file is.")] = False
) -> int:
    """Example: qc-plugin manifest

    Print plugin.yaml, what a host needs to know about this plugin.
    """
    from qc_plugin.resources import shipped

    file = shipped("plugin.yaml")
    print(file if path else file.read_text(encoding="utf-8"), end="\n" if path else "")
    return 0


def schema(name: Annotated[str, typer.Argument(help="manifest, event, result or ruleset.")]) -> int:
    """Example: qc-plugin schema event

    Print a JSON Schema: of plugin.yaml, of events, of result lines, or of rule files.
    """
    from qc_plugin.host.schemas import schema_text

    print(schema_text(name), end="")
    return 0


@o.with_settings("backend", "precision", "threads")
def warm_up(run: RunConfig) -> int:
    """Example: qc-plugin warm-up

    Load every engine as a run would, so that plans for this machine are built now and not at the first asset.
    """
    from qc_plugin.host.tasks import warm_up as load_all

    for name, where in load_all(run).items():
        out.print(f"[green]✓[/] {escape(f'{name}: {where}')}", soft_wrap=True)
    return 0


def webhook(
    reports: o.Reports = None,
    config: o.ConfigFile = None,
    limit: Annotated[float, typer.Option("--limit-s", min=1, help="Seconds to try for.")] = 60.0,
) -> int:
    """Example: qc-plugin webhook --reports qc-reports

    Send verdicts that a webhook has not taken yet. Exit code 75 when some are still waiting.
    """
    from qc_plugin.host.outbox import Outbox

    run: Path = o.settings(config, reports=reports).reports
    delivery = Outbox(run).send(limit_s=limit)
    out.print(f"{delivery.sent} sent, {delivery.waiting} waiting")
    return 75 if delivery.waiting else 0
