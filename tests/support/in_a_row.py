"""Commands one after another, each in a fork of one process that has loaded the package: fast, and real.

As a program it reads the commands from standard input as JSON and writes what became of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a command wrote and the exit code it ended with."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str


def run_in_a_row(commands, *, cwd, prefix=(), env=None):
    """Run each command (a sequence of arguments, or a pair of it and its standard input) in `cwd`.

    `prefix` goes before the interpreter, such as `setpriv` and its options.
    """
    plain = [_plain(command) for command in commands]
    done = subprocess.run(
        [*prefix, sys.executable, str(Path(__file__).resolve())],
        input=json.dumps(plain),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(env or {})},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [
        Done(tuple(args), *result) for (args, _), result in zip(plain, json.loads(done.stdout), strict=True)
    ]


def _plain(command):
    args, stdin = command if len(command) == 2 and not isinstance(command[0], str) else (command, "")
    return [str(arg) for arg in args], stdin


def _one(args, stdin):
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        pid = os.fork()
        if not pid:
            for n, file in enumerate((given, out, err)):
                os.dup2(file.fileno(), n)
            _command(args)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        return [code, *texts]


def _command(args):
    from qc_plugin.cli import main

    code = 70
    try:
        sys.argv = ["qc-plugin", *args]
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    import_module("qc_plugin.cli.main")  # once for all commands
    print(json.dumps([_one(*command) for command in json.load(sys.stdin)]))
