"""`qc-plugin engines`: which networks are here, whether they are whole, and their TensorRT plans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.table import Table

from qc_plugin.cli.pictures import load_pictures
from qc_plugin.cli.plan_progress import build_progress
from qc_plugin.cli.screen import err, out
from qc_plugin.errors import EngineError
from qc_plugin.inference.calibration import activation_ranges, picture_inputs
from qc_plugin.inference.plan_builder import network
from qc_plugin.inference.plan_cache import PlanCache
from qc_plugin.inference.plan_jobs import PlanJob, plan_jobs
from qc_plugin.inference.spec import list_engines, load_spec

app = typer.Typer(no_args_is_help=True, help="Trained networks. Example: qc-plugin engines verify")

Names = Annotated[Optional[list[str]], typer.Argument(help="Names or folders; all shipped ones by default.")]
Target = Annotated[
    str, typer.Option(help="auto (this GPU, else portable), portable, or sm_86,sm_89,sm_120 and so on.")
]
Precision = Annotated[str, typer.Option(help="fp16, int8 or fp32.")]
ProfileNames = Annotated[str, typer.Option("--profile", help="analysis,720p,1080p,4k: sizes the plans take.")]
FlavourName = Annotated[str, typer.Option("--flavour", help="auto, tensorrt or tensorrt_rtx.")]
Pictures = Annotated[
    Optional[Path],
    typer.Option(help="Folder, picture or clip to calibrate int8 with; default: the sample clip."),
]
Again = Annotated[bool, typer.Option("--again", help="Build even what is there.")]


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


@app.command()
def build(
    engines: Names = None,
    target: Target = "auto",
    precision: Precision = "fp16",
    profile: ProfileNames = "analysis",
    flavour: FlavourName = "auto",
    pictures: Pictures = None,
    *,
    again: Again = False,
) -> int:
    """Example: qc-plugin engines build --target sm_86,sm_89 --precision fp16 --profile analysis,1080p

    Compile engines into TensorRT plans, kept in the plan cache. Needs no GPU, except with --flavour tensorrt.
    """
    specs = [load_spec(name) for name in engines or list_engines()]
    cache = PlanCache()
    jobs = plan_jobs(specs, flavour=flavour, targets=target, profiles=profile, precision=precision)
    due = [job for job in jobs if again or cache.load(job.key) is None]
    if len(due) < len(jobs):
        out.print(f"{len(jobs) - len(due)} of {len(jobs)} plans are there already")
    seconds = sum(job.estimate_s(cache) for job in due)
    if due:
        out.print(f"building {len(due)} plans with {due[0].key.flavour}, about {max(round(seconds), 1)} s")
    networks: dict[str, bytes] = {}
    with build_progress(len(due)) as tell:
        for job in due:
            name = job.spec.name
            if name not in networks:
                networks[name] = prepare(job, pictures)
            path, took = job.build(cache, networks[name], tell=tell(job.key))
            out.print(
                f"[green]✓[/] {path.name}: {path.stat().st_size / 1e6:.1f} MB in {took:.1f} s", soft_wrap=True
            )
    out.print(f"plans: {cache.folder}", soft_wrap=True, markup=False)
    return 0


def prepare(job: PlanJob, pictures: Path | None) -> bytes:
    """The engine's network in the precision of the job; int8 is calibrated on `pictures` first."""
    if job.key.precision != "int8":
        return network(job.spec, job.key.precision)
    inputs = picture_inputs(job.spec, load_pictures(pictures))
    err.print(f"calibrating {job.spec.name} on {len(inputs)} pictures", highlight=False)
    return network(job.spec, "int8", activation_ranges(job.spec, inputs))
