"""`qc-plugin config`: what the settings are, and where each came from."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import out

app = typer.Typer(
    no_args_is_help=True, help="Settings and where they come from. Example: qc-plugin config show"
)


def register(main: typer.Typer) -> None:
    """Add the commands of this file."""
    main.add_typer(app, name="config")


@app.callback()
def _group() -> None: ...


@app.command()
def show(config: o.ConfigFile = None) -> int:
    """Example: qc-plugin config show

    Print every setting, its value and its source.
    """
    from qc_plugin.config import load_config

    values, origins = load_config(file=config)
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for key, value in values.model_dump().items():
        table.add_row(key, escape(str(value)), escape(origins[key]))
    out.print(table)
    return 0
