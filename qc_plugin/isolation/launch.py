"""Starts and ends sandboxes. One serves one asset at a time and is used again until it had to be killed."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qc_plugin.environment import variable
from qc_plugin.errors import ConfigError, DecoderDied
from qc_plugin.files import new_folder
from qc_plugin.isolation import wire

if TYPE_CHECKING:
    from collections.abc import Sequence

SandboxMode = Literal["required", "preferred", "off"]
SUPPORTED = sys.platform == "linux"
# glibc gives large blocks back to the system at once, and decoding allocates one a frame: keep them.
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
}
_START_S = 60.0
_END_S = 2.0
_PACKAGE = Path(__file__).resolve().parents[1]
_LIBRARIES = ("numpy", "av", "cv2", "PIL", "decord")


class Sandbox:
    """A process that forks decoders. Made at once, ready a moment later (`ready`)."""

    def __init__(self, *, bubblewrap: str | None, entry: str = "qc_plugin.isolation.server") -> None:
        self._bubblewrap = bubblewrap
        # bubblewrap has a scratch folder of its own, which goes with it.
        self._scratch = None if bubblewrap else str(new_folder("qc-decode-"))
        self._socket, theirs = wire.pair()
        python = [sys.executable, "-I", "-B", "-c", _boot(entry, theirs.fileno())]
        command = [*_bubblewrap_command(bubblewrap), *python] if bubblewrap else python
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no word of an asset in it
            command,
            pass_fds=[theirs.fileno()],
            env=_ENVIRONMENT,
            cwd=self._scratch or "/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if variable("QC_DEBUG_DECODE") else subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._network_off: bool | None = None
        self._busy = False

    def ready(self) -> bool:
        """Wait until it has loaded its libraries; False when it could not start."""
        if self._network_off is None:
            self._socket.settimeout(_START_S)
            try:
                self._network_off = bool(wire.receive(self._socket)[0]["network_off"])
            except (EOFError, OSError):
                self.kill()
                return False
        return self._process.poll() is None

    @property
    def posture(self) -> str:
        """What holds the decoder, for the report."""
        held = ["own process", "limits", "clear environment"]
        held += ["bubblewrap"] if self._bubblewrap else []
        held += ["no network"] if self._bubblewrap or self._network_off else []
        return ", ".join(held)

    def start(self, request: dict[str, Any], descriptors: Sequence[int]) -> None:
        """Fork a decoder for the asset behind `descriptors` (asset, channel)."""
        self._busy = True
        try:
            wire.send(self._socket, request, descriptors)
        except OSError as error:
            self.kill()
            raise DecoderDied(f"{request['name']}: the sandbox is gone; run again") from error

    def end(self, *, kill: bool, within_s: float = _END_S) -> int | None:
        """Wait status of the decoder once it has ended; with `kill`, or when it takes too long, by force.

        None when there was none, or the whole sandbox had to go with it.
        """
        if not self._busy:
            return None
        for by_force in (True,) if kill else (False, True):
            try:
                if by_force:
                    wire.send(self._socket, {"kill": True})
                self._socket.settimeout(within_s)
                status = wire.receive(self._socket)[0]["status"]
            except TimeoutError:
                continue
            except (EOFError, OSError):
                break
            self._busy = False
            return int(status)
        self.kill()
        return None

    def kill(self) -> None:
        """End the sandbox and all in it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._socket.close()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def usable(self) -> bool:
        """Whether it can take another asset."""
        return not self._busy and self._process.poll() is None


class _Pool:
    """Idle sandboxes of this process, by mode."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._idle: dict[SandboxMode, list[Sandbox]] = {}
        self._no_bubblewrap = ""  # why not, once known

    def take(self, mode: SandboxMode) -> Sandbox:
        """A sandbox that is ready. ConfigError when `required` bubblewrap is not to be had."""
        with self._lock:
            idle = self._mine().get(mode, [])
            while idle:
                sandbox = idle.pop()
                if sandbox.ready():
                    return sandbox
        return self._start(mode)

    def warm(self, mode: SandboxMode) -> None:
        """Begin to start one, so that it is ready when it is needed."""
        with self._lock:
            idle = self._mine().setdefault(mode, [])
            if not idle:
                idle.append(Sandbox(bubblewrap=self._program(mode)))

    def give_back(self, mode: SandboxMode, sandbox: Sandbox) -> None:
        """Keep it for the next asset if it still runs."""
        with self._lock:
            if sandbox.usable:
                self._mine().setdefault(mode, []).append(sandbox)

    def close(self) -> None:
        """End all that are idle."""
        with self._lock:
            for sandbox in [s for idle in self._mine().values() for s in idle]:
                sandbox.kill()
            self._idle.clear()

    def _start(self, mode: SandboxMode) -> Sandbox:
        program = self._program(mode)
        sandbox = Sandbox(bubblewrap=program)
        if sandbox.ready():
            return sandbox
        if program is None:
            raise ConfigError("the process that decodes does not start; QC_DEBUG_DECODE=1 shows why")
        self._no_bubblewrap = "bubblewrap does not start here (user namespaces are off?)"
        return self._start(mode)

    def _program(self, mode: SandboxMode) -> str | None:
        if mode == "off":
            return None
        program = None if self._no_bubblewrap else shutil.which("bwrap")
        if program is None and mode == "required":
            why = self._no_bubblewrap or "bubblewrap is not installed"
            raise ConfigError(f"sandbox `required`: {why}; install bubblewrap or set sandbox to `preferred`")
        return program

    def _mine(self) -> dict[SandboxMode, list[Sandbox]]:
        """Forked with its process, the list would name sandboxes of another."""
        if self._owner != os.getpid():
            self._owner, self._idle = os.getpid(), {}
        return self._idle


POOL = _Pool()
atexit.register(POOL.close)


def _boot(entry: str, descriptor: int) -> str:
    """Python's first words: our package found where it lies, behind everything installed."""
    places = [str(_PACKAGE.parent), *_site_folders()]
    return f"import sys; sys.path += {places!r}; from {entry} import main; main({descriptor})"


def _site_folders() -> list[str]:
    """Where the libraries are installed."""
    found = (importlib.util.find_spec(name) for name in _LIBRARIES)
    return sorted({str(Path(spec.origin).parents[1]) for spec in found if spec and spec.origin})


def _bubblewrap_command(program: str) -> list[str]:
    """Nothing but Python, its libraries and us to read; nowhere but a scratch folder to write; no network."""
    seen = {"/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", str(_PACKAGE), *_site_folders()}
    seen |= {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])}
    binds = [word for place in sorted(seen - {"/"}) for word in ("--ro-bind-try", place, place)]
    flags = ["--unshare-all", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    return [program, *flags, *binds, "--chdir", "/tmp", "--"]  # noqa: S108
