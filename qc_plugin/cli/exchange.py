"""Commands that speak with other tools: export, import, replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import out

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig

Report = Annotated[Path, typer.Argument(help="A report (Parquet).", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("export")(export)
    app.command("import")(import_)
    app.command("replay")(replay)


def export(
    report: Report,
    form: Annotated[
        str, typer.Option("--format", help="coco, cvat, labelstudio, junit, openlineage, ebu or xmp.")
    ],
    target: Annotated[Path, typer.Option("--out", help="File to write; for xmp a folder.")],
    overwrite: Overwrite = False,
) -> int:
    """Example: qc-plugin export report.parquet --format cvat --out labels.xml

    Write a report in the format of another tool.
    """
    from qc_plugin.exchange.formats import export as write

    files = write(report, form, target, overwrite=overwrite)
    out.print(
        f"{len(files)} files: {target}" if len(files) != 1 else str(files[0]), soft_wrap=True, markup=False
    )
    return 0


def import_(
    file: Annotated[Path, typer.Argument(help="What the labelling tool exported.", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="coco, cvat or labelstudio.")],
    report: Annotated[Path, typer.Option("--report", help="The report it came from.")],
    target: Annotated[Path, typer.Option("--out", help="File for the labels (JSON lines).")] = Path(
        "labels.jsonl"
    ),
    overwrite: Overwrite = False,
) -> int:
    """Example: qc-plugin import corrected.xml --format cvat --report report.parquet --out labels.jsonl

    Take back what people corrected in a labelling tool, and say what they changed.
    """
    from qc_plugin.exchange.formats import import_labels

    done = import_labels(file, form, report, target, overwrite=overwrite)
    for line in done.changes:
        out.print(line, soft_wrap=True, markup=False)
    out.print(f"{done.n_frames} frames, {len(done.changes)} changed: {target}", soft_wrap=True, markup=False)
    return 0


@o.with_settings("backend", "precision")
def replay(
    report: Report,
    run: RunConfig,
    frame: Annotated[int, typer.Option("--frame", help="Frame index, as in the report.")],
    asset: Annotated[
        Optional[Path], typer.Option("--asset", help="Where the asset is now, if it moved.")
    ] = None,
) -> int:
    """Example: qc-plugin replay qc-reports/.../report.parquet --frame 120

    Measure one row again: the same numbers, or what differs. Exit code 0 when they are the same, else 10.
    """
    from qc_plugin.workshop.replay import replay_frame

    done = replay_frame(report, frame, run, asset=asset)
    for line in done.circumstances:
        out.print(f"not as it was: {line}", soft_wrap=True, markup=False)
    for line in done.differences:
        out.print(f"differs: {line}", soft_wrap=True, markup=False)
    what = "the same" if done.same else f"{len(done.differences)} differences"
    out.print(f"frame {frame}: {done.n_compared} numbers compared, {what}", soft_wrap=True, markup=False)
    return 0 if done.same else 10
