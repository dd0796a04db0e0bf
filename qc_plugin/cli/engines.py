"""`qc-plugin engines`: which networks are here, whether they are whole, and their TensorRT plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from qc_plugin.cli.screen import err, out
from qc_plugin.errors import EngineError, UsageError

if TYPE_CHECKING:
    from qc_plugin.inference.tensorrt.plan_jobs import PlanJob

app = typer.Typer(no_args_is_help=True, help="Trained networks. Example: qc-plugin engines verify")


def register(main: typer.Typer) -> None:
    """Add the commands of this file."""
    main.add_typer(app, name="engines")


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

    Print every shipped engine, then those that you imported.
    """
    from qc_plugin.inference.spec import list_engines, list_user_engines, load_spec

    table = Table("name", "version", "size", "scale", "licence", "sha256", box=None, pad_edge=False)
    for name in (*list_engines(), *list_user_engines()):
        spec = load_spec(name)
        size, scale = f"{spec.model.bytes / 1e6:.1f} MB", f"{spec.size.long_side or '-'} px"
        table.add_row(name, spec.version, size, scale, spec.licence, spec.model.sha256[:12])
    out.print(table)
    return 0


@app.command()
def verify() -> int:
    """Example: qc-plugin engines verify

    Check size and SHA-256 of every engine. Exit code 2 when one is missing or altered.
    """
    from qc_plugin.inference.spec import list_engines, list_user_engines, load_spec

    failed = 0
    for name in (*list_engines(), *list_user_engines()):
        try:
            load_spec(name).verify()
            out.print(f"[green]✓[/] {escape(name)}")
        except EngineError as error:
            failed += 1
            out.print(f"[red]✗[/] {escape(f'{name}: {error}')}", soft_wrap=True)
    return 2 if failed else 0


@app.command("import")
def import_(
    what: Annotated[str, typer.Argument(help="mediapipe (fetched by pip unless FILE is given) or yunet.")],
    file: Annotated[Optional[Path], typer.Argument(help="mediapipe's wheel, or a YuNet ONNX file.")] = None,
) -> int:
    """Example: qc-plugin engines import mediapipe

    Bring a face or palm detector of others into your engine folder; `detectors` in the settings chooses it.
    mediapipe's networks come out of its wheel 0.10.21, which pip fetches as you configured it (36 to 52 MB);
    its checksum is pinned, and it is never installed.
    """
    from qc_plugin.inference.engine_import import import_mediapipe, import_yunet
    from qc_plugin.inference.importable import REQUIREMENT
    from qc_plugin.inference.spec import load_spec, user_engines_folder

    if what == "mediapipe":
        if file is None:
            err.print(f"asking pip for {REQUIREMENT}, 36 to 52 MB", highlight=False)
        names = import_mediapipe(file)
    elif what == "yunet" and file is not None:
        names = import_yunet(file)
    elif what == "yunet":
        raise UsageError("engines import yunet: needs a file; get one and name it: engines import yunet FILE")
    else:
        raise UsageError(f"engines import {what}: is not known; choose mediapipe or yunet")
    for name in names:
        spec = load_spec(name)
        out.print(
            f"[green]✓[/] {escape(name)}: {escape(', '.join(spec.classes))}, "
            f"{spec.model.bytes / 1e6:.1f} MB, {escape(spec.licence)}",
            soft_wrap=True,
        )
    out.print(f"in {user_engines_folder()}, each with its licence and origin", soft_wrap=True, markup=False)
    out.print(
        f"to use one: QC_DETECTORS={names[-1]},regions, or `detectors` in qc-plugin.toml", soft_wrap=True
    )
    return 0


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
    from qc_plugin.cli.plan_progress import build_progress
    from qc_plugin.inference.spec import list_engines, load_spec
    from qc_plugin.inference.tensorrt.plan_cache import PlanCache
    from qc_plugin.inference.tensorrt.plan_jobs import plan_jobs

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
    from qc_plugin.cli.pictures import load_pictures
    from qc_plugin.inference.tensorrt.calibration import activation_ranges, picture_inputs
    from qc_plugin.inference.tensorrt.plan_builder import network

    if job.key.precision != "int8":
        return network(job.spec, job.key.precision)
    inputs = picture_inputs(job.spec, load_pictures(pictures))
    err.print(f"calibrating {job.spec.name} on {len(inputs)} pictures", highlight=False)
    return network(job.spec, "int8", activation_ranges(job.spec, inputs))
