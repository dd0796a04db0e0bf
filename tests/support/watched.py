"""Runs a command as a new user would, in an empty HOME, and notes what it sends and where it writes.

Two observers that do not need each other: Python's audit events, in every process that Python starts, and
strace, which sees native libraries too. What lies in HOME afterwards is looked at in any case.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Loaded by every interpreter at its start. Addresses of the network are tuples, those of this machine texts.
_AUDIT = """
import os, sys
_log = os.open({log!r}, os.O_WRONLY | os.O_APPEND)
def _hook(event, args):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        if event.startswith("socket.get") or (len(args) > 1 and isinstance(args[1], tuple)):
            os.write(_log, f"{{event}} {{args[1:]!r}}\\n".encode())
sys.addaudithook(_hook)
"""
_CALLS = "network,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_OPENED = re.compile(r'(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]*)"')
_PLAIN = re.compile(r'\((?:"[^"]*", )?"([^"]*)"')
_SANDBOX = ("/newroot", "/oldroot")  # what bubblewrap builds, in a namespace of its own; so is its /tmp


def why_no_strace() -> str | None:
    """Why strace cannot be used here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(["strace", "-f", "true"], capture_output=True, check=False)
    return None if done.returncode == 0 else "strace may not trace here"


@dataclass(frozen=True)
class Watched:
    """What a run did: its exit code and output, and what the observers saw."""

    code: int
    stdout: str
    stderr: str
    in_home: list[str]  # what HOME holds now
    audited: list[str]  # network events of Python
    sent: list[str] | None  # system calls that reach for the network; None without strace
    made: list[str] | None  # files and folders made outside the working and the temporary folder


def watched(folder: Path, *args: str, python: tuple[str, ...] = ("-m", "qc_plugin")) -> Watched:
    """Run `python -m qc_plugin ARGS` in `folder`/work with an environment of the bare minimum, without CI."""
    home, work, temp, boot = (folder / name for name in ("home", "work", "temp", "boot"))
    for place in (home, work, temp, boot):
        place.mkdir(exist_ok=True)
    log, trace = folder / "audit.log", folder / "trace"
    log.touch()
    (boot / "sitecustomize.py").write_text(_AUDIT.format(log=str(log)), encoding="utf-8")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(temp),
        "PYTHONPATH": str(boot),
        "PYTHONDONTWRITEBYTECODE": "1",  # else an installation of root's writes beside itself
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, *python, *args]
    if why_no_strace() is None:
        options = ["-f", "-y", "-qq", "-s", "300", "-e", f"trace={_CALLS}", "-o", str(trace)]
        command = ["strace", *options, *command]
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines() if trace.exists() else None
    return Watched(
        code=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
        in_home=sorted(str(path.relative_to(home)) for path in home.rglob("*")),
        audited=log.read_text(encoding="utf-8").splitlines(),
        sent=None if lines is None else [line for line in lines if "AF_INET" in line],
        made=None if lines is None else _made(lines, folder),
    )


def _made(lines: list[str], folder: Path) -> list[str]:
    """What was made, but for devices and what lies in `folder`/work, `folder`/temp or in a sandbox."""
    makes = re.compile(r"O_CREAT|\b(creat|mkdir|rename|link|symlink)\w*\(")
    paths = {_target(line) for line in lines if makes.search(line) and _succeeded(line)}
    ours = (f"{folder}/work", f"{folder}/temp", "/dev/", "/proc/", *_SANDBOX)
    absolute = (path for path in paths if path.startswith("/") and not path.startswith(ours))
    return sorted(path for path in absolute if path.startswith(str(folder)) or not path.startswith("/tmp/"))


def _succeeded(line: str) -> bool:
    return " = -1 " not in line and "unfinished" not in line


def _target(line: str) -> str:
    """The path that a call makes: the last that it names, and where a relative one begins."""
    places = _OPENED.findall(line)
    if places:
        folder, name = places[-1]
        return name if name.startswith("/") else f"{folder}/{name}"
    match = _PLAIN.search(line)
    return match.group(1) if match else line
