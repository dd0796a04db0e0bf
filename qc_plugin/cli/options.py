"""Options shared by commands; each is a setting of `RunConfig`, and None means "not given here"."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_type_hints

import typer

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig

# Optional[...] because typer reads these annotations at run time.
Rules = Annotated[Optional[str], typer.Option("--rules", help="Rule set: a shipped name or a file.")]
Sample = Annotated[Optional[str], typer.Option("--sample", help="2fps (any number), keyframes, all or auto.")]
Reports = Annotated[
    Optional[str], typer.Option("--reports", help="Folder or s3://bucket/prefix for reports.")
]
Reader = Annotated[Optional[str], typer.Option("--reader", help="Video reader: pyav or decord.")]
Backend = Annotated[Optional[str], typer.Option("--backend", help="auto, openvino, onnxruntime or tensorrt.")]
Precision = Annotated[Optional[str], typer.Option("--precision", help="auto, f32, bf16, f16 or int8.")]
Threads = Annotated[Optional[int], typer.Option("--threads", help="Threads per worker.")]
LimitProfile = Annotated[Optional[str], typer.Option("--limits", help="strict, default or trusted.")]
Ignore = Annotated[
    Optional[str], typer.Option("--ignore", help="Globs of names to leave out, e.g. 'Extras/,*-trailer.*'.")
]
Jobs = Annotated[Optional[str], typer.Option("--jobs", help="Assets at once, or auto: half the cores.")]
Sandbox = Annotated[Optional[str], typer.Option("--sandbox", help="required, preferred or off (bubblewrap).")]
ConfigFile = Annotated[Optional[Path], typer.Option("--config", help="Settings file (TOML).")]
NoSheet = Annotated[bool, typer.Option("--no-sheet", help="Write no HTML sheet and no stills.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]

Command = Callable[..., int]
_SETTINGS: dict[str, Any] = {
    "rules": Rules,
    "sample": Sample,
    "reports": Reports,
    "reader": Reader,
    "backend": Backend,
    "precision": Precision,
    "threads": Threads,
    "limits": LimitProfile,
    "ignore": Ignore,
    "jobs": Jobs,
    "sandbox": Sandbox,
}


def with_settings(*names: str, no_sheet: bool = False, **defaults: str) -> Callable[[Command], Command]:
    """Make a command's `run: RunConfig` of options: of these settings, --config and perhaps --no-sheet.

    `defaults`: settings whose option has another default than "not given here". The options follow the
    command's own in its help.
    """

    def decorated(command: Command) -> Command:
        flags = (*names, *defaults)

        @wraps(command)
        def called(**given: Any) -> int:
            without_sheet = given.pop("no_sheet", False)
            chosen = {name: given.pop(name) for name in flags}
            run = settings(given.pop("config"), no_sheet=without_sheet, **chosen)
            return command(**given, run=run)

        shared = [_parameter(name, _SETTINGS[name], defaults.get(name)) for name in flags]
        shared.append(_parameter("config", ConfigFile, None))
        if no_sheet:
            shared.append(_parameter("no_sheet", NoSheet, default=False))
        _declare(called, [*_own(command), *shared])
        return called

    return decorated


def _own(command: Command) -> list[Parameter]:
    """The command's parameters without `run`, by keyword, their annotations as values: what typer reads."""
    hints = get_type_hints(command, localns={"RunConfig": object}, include_extras=True)
    own = (each for each in signature(command).parameters.values() if each.name != "run")
    return [each.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[each.name]) for each in own]


def _parameter(name: str, annotation: Any, default: object) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _declare(command: Any, parameters: list[Parameter]) -> None:
    command.__signature__ = Signature(parameters, return_annotation=int)
    command.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": int}


def settings(config: Path | None = None, *, no_sheet: bool = False, **flags: object) -> RunConfig:
    """Settings of this run; `flags` that are None, and `auto` for a number, count as not given."""
    from qc_plugin.config import load_config

    if flags.get("jobs") == "auto":
        flags["jobs"] = None
    extra = {"sheet": False, "stills": False} if no_sheet else {}
    return load_config({**flags, **extra}, file=config)[0]
