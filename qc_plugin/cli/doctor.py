"""`qc-plugin doctor`: each line says ok, or what is missing and the exact fix."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path

import typer
from rich.markup import escape

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import out
from qc_plugin.errors import QcError
from qc_plugin.files import try_folder

Check = tuple[str, Callable[[], str], bool]  # label, what it found (or raises), needed


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(doctor)


def doctor(reports: o.Reports = None, config: o.ConfigFile = None) -> int:
    """Example: qc-plugin doctor

    Look at decoder, runtimes, engines, rules and write access. Exit code 2 when something needed is missing.
    """
    from qc_plugin.cli.gpu_report import gpu_lines
    from qc_plugin.config import load_config
    from qc_plugin.inference.select import AUTO_ORDER
    from qc_plugin.inference.spec import list_engines

    run, _ = load_config({"reports": reports}, file=config)
    engines = dict.fromkeys((*list_engines(), *run.detector_names))
    checks: list[Check] = [
        ("python", lambda: f"{sys.version.split()[0]}, {os.cpu_count()} cores", True),
        ("video (PyAV)", _pyav, True),
        ("video (decord)", lambda: _optional("decord", "decord2", "decord"), False),
        *((f"backend {name}", lambda name=name: _backend(name), name == "openvino") for name in AUTO_ORDER),
        *((label, look, False) for label, look in gpu_lines()),
        *((f"engine {name}", lambda name=name: _engine(name), True) for name in engines),
        ("rules", _rules, True),
        ("reports folder", lambda: _writable(run.reports), True),
    ]
    bad = sum(_report(*check) for check in checks)
    return 2 if bad else 0


def _report(label: str, look: Callable[[], str], needed: bool) -> bool:
    """Whether something needed is missing. Printing is outside of `try`: a full stdout is no missing part."""
    try:
        found, mark, bad = look(), "[green]✓[/]", False
    except (QcError, ImportError, OSError) as error:
        found, mark, bad = str(error), "[red]✗[/]" if needed else "[dim]-[/]", needed
    out.print(f"{mark} {escape(label)}: {escape(found)}", soft_wrap=True)
    return bad


def _pyav() -> str:
    av = import_module("av")
    avcodec = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"PyAV {metadata.version('av')}, libavcodec {avcodec}"


def _optional(module: str, package: str, extra: str) -> str:
    try:
        import_module(module)
        return f"{package} {metadata.version(package)}"
    except ImportError as error:
        raise ImportError(f"not installed (optional); pip install 'qc-plugin[{extra}]'") from error


def _backend(name: str) -> str:
    from qc_plugin.inference.select import BACKENDS

    reason = BACKENDS[name].missing()
    if reason:
        raise ImportError(f"{reason}; {BACKENDS[name].FIX}")
    return f"{name} {metadata.version(name)}"


def _engine(name: str) -> str:
    from qc_plugin.inference.select import open_session
    from qc_plugin.inference.spec import load_spec

    spec = load_spec(name)
    spec.verify()
    session = open_session(spec)
    try:
        return f"{spec.version}, runs on {session.backend} ({session.device}, {session.precision})"
    finally:
        session.close()


def _rules() -> str:
    from qc_plugin.rulesets.ruleset import load_rules, shipped_rule_sets

    names = shipped_rule_sets()
    for name in names:
        load_rules(name)
    return ", ".join(names)


def _writable(folder: Path) -> str:
    try_folder(folder)
    return str(folder)
