"""`qc-plugin engines`: which networks are here, and whether they are whole."""

from __future__ import annotations

import typer
from rich.table import Table

from qc_plugin.cli.screen import out
from qc_plugin.errors import EngineError
from qc_plugin.inference.spec import list_engines, load_spec

app = typer.Typer(no_args_is_help=True, help="Trained networks. Example: qc-plugin engines verify")


@app.command("list")
def list_() -> int:
    """Example: qc-plugin engines list

    Print every shipped engine.
    """
    table = Table("name", "version", "size", "analysis scale", "licence", "sha256", box=None, pad_edge=False)
    for name in list_engines():
        spec = load_spec(name)
        size = f"{spec.model.bytes / 1e6:.1f} MB"
        table.add_row(
            spec.name, spec.version, size, f"{spec.size.long_side} px", spec.licence, spec.model.sha256[:12]
        )
    out.print(table)
    return 0


@app.command()
def verify() -> int:
    """Example: qc-plugin engines verify

    Check size and SHA-256 of every engine. Exit code 2 when one is missing or altered.
    """
    failed = 0
    for name in list_engines():
        try:
            load_spec(name).verify()
            out.print(f"[green]✓[/] {name}")
        except EngineError as error:
            failed += 1
            out.print(f"[red]✗[/] {name}: {error}", soft_wrap=True)
    return 2 if failed else 0
