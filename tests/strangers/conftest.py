"""The command as strangers run it: an environment of the bare minimum, whoever they are."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.support.media import write_still

UNKNOWN_UID = 23456


def why_nobody_unknown() -> str | None:
    """Why no command can be run as a user whom the system does not know, or None."""
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    done = subprocess.run([*UNKNOWN_USER, "true"], capture_output=True, check=False)
    return None if done.returncode == 0 else "user namespaces are off"


UNKNOWN_USER = ("unshare", "--user", f"--map-user={UNKNOWN_UID}", f"--map-group={UNKNOWN_UID}")


@pytest.fixture(scope="session")
def still(tmp_path_factory):
    """A small picture that is accepted."""
    return write_still(tmp_path_factory.mktemp("still") / "still.png", width=160)


@pytest.fixture
def stranger(tmp_path):
    """Run `python -m qc_plugin ARGS`; the finished process. Nothing of our own environment reaches it."""
    (tmp_path / "t").mkdir()
    (tmp_path / "work").mkdir()

    def run(*args, shell=None, as_user=(), **environment):
        """`shell`: what to do with the command, as "$@", e.g. `"$@" >&-`."""
        known = {"PATH": "/usr/bin:/bin", "TMPDIR": tmp_path / "t", "OMP_NUM_THREADS": 1, **environment}
        command = [*as_user, sys.executable, "-m", "qc_plugin", *map(str, args)]
        if shell is not None:
            command = ["bash", "-c", shell, "bash", *command]
        return subprocess.run(
            command,
            cwd=tmp_path / "work",
            env={name: str(value) for name, value in known.items()},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=120,
        )

    return run
