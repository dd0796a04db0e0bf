"""Options shared by commands; each is a setting of `RunConfig`, and None means "not given here"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

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
Sandbox = Annotated[Optional[str], typer.Option("--sandbox", help="required, preferred or off (bubblewrap).")]
ConfigFile = Annotated[Optional[Path], typer.Option("--config", help="Settings file (TOML).")]
NoSheet = Annotated[bool, typer.Option("--no-sheet", help="Write no HTML sheet and no stills.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def settings(config: Path | None = None, *, no_sheet: bool = False, **flags: object) -> RunConfig:
    """Settings of this run; `flags` that are None count as not given."""
    from qc_plugin.config import load_config

    extra = {"sheet": False, "stills": False} if no_sheet else {}
    return load_config({**flags, **extra}, file=config)[0]
