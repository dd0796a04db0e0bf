"""Commands that look at assets: check, thumbs, explain, demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import err, out, print_outcome
from qc_plugin.store.address import given_place

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (check, thumbs, explain, demo):
        app.command()(command)


@o.with_settings(
    "rules",
    "sample",
    "reports",
    "reader",
    "backend",
    "precision",
    "threads",
    "limits",
    "sandbox",
    no_sheet=True,
)
def check(
    file: Annotated[
        str, typer.Argument(help="Video or artwork: a path or s3://bucket/key.", show_default=False)
    ],
    run: RunConfig,
    as_json: o.Json = False,
) -> int:
    """Example: qc-plugin check clip.mp4 --rules thumbnail-candidates

    Check one asset. The exit code is the verdict: 0 accept, 10 review, 11 reject.
    """
    from qc_plugin.batch.run import check as check_one

    outcome = check_one(given_place(file), run)
    print_outcome(outcome, as_json=as_json)
    return outcome.ends_with


@o.with_settings("sample", rules="thumbnail-candidates")
def thumbs(
    file: Annotated[Path, typer.Argument(help="Video.", show_default=False)],
    run: RunConfig,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the picks.")] = Path("picks"),
    best: Annotated[int, typer.Option("--best", min=1, max=200, help="How many frames.")] = 10,
    crops: Annotated[str, typer.Option("--crops", help="Ratios, comma separated.")] = "16:9,2:3,1:1",
    as_json: o.Json = False,
) -> int:
    """Example: qc-plugin thumbs show.mov --best 10 --crops 16:9,2:3 --out picks/

    Write the best sharp frames as stills by crop, picks.json and a sheet. Exit code 10 when no frame meets
    the rules: the one that comes nearest is offered, marked `fallback`.
    """
    from qc_plugin.workshop.thumbs import write_picks

    picks = write_picks(
        file, run, out_dir, best=best, ratios=tuple(c.strip() for c in crops.split(",") if c.strip())
    )
    if as_json:
        print(json.dumps(picks.as_json()))
    elif not picks.files:
        err.print(f"no frame of {file} can be offered: {picks.error}", soft_wrap=True, markup=False)
    else:
        n_frames = sum(pick.ratio == "full" for pick in picks.files)
        out.print(
            f"{len(picks.files)} stills of {n_frames} frames in {out_dir}", soft_wrap=True, markup=False
        )
        if n_frames < best:
            reasons = ", ".join(f"{n} {reason}" for reason, n in picks.funnel.items() if n)
            out.print(f"{best} were asked for; the other frames: {reasons}", markup=False, soft_wrap=True)
        out.print(f"sheet: {picks.sheet}", soft_wrap=True, markup=False)
        if picks.error:
            err.print(picks.error, soft_wrap=True, markup=False)
    return picks.exit_code


def explain(
    report: Annotated[Path, typer.Argument(help="A report (Parquet).", show_default=False)],
    frame: Annotated[int, typer.Option("--frame", help="Frame index, as in the report.")],
    out_file: Annotated[Path | None, typer.Option("--out", help="Heat map PNG.")] = None,
    asset: Annotated[
        Path | None, typer.Option("--asset", help="Where the asset is now, if it moved.")
    ] = None,
    config: o.ConfigFile = None,
) -> int:
    """Example: qc-plugin explain qc-reports/.../report.parquet --frame 120

    Say why a frame was decided so, write its heat map, and name the nearest better frame.
    """
    from qc_plugin.workshop.explain import explain_frame

    answer = explain_frame(report, frame, o.settings(config), asset=asset, out=out_file)
    for line in answer.lines:
        out.print(line, soft_wrap=True, markup=False)
    return 0


def demo(reports: o.Reports = None, config: o.ConfigFile = None) -> int:
    """Example: qc-plugin demo

    Run the main job on a ten-second clip of real footage and say where the sheet lies.
    """
    from qc_plugin.batch.run import check as check_one

    run = o.settings(config, reports=reports, rules="thumbnail-candidates", sheet=True)
    outcome = check_one(SAMPLES / "cups.mp4", run)
    print_outcome(outcome, as_json=False)
    if outcome.verdict == "error":
        return outcome.exit_code
    assert outcome.sheet is not None
    out.print(f"\nOpen [bold]{escape(str(outcome.sheet.resolve()))}[/] in a browser.", soft_wrap=True)
    return 0
