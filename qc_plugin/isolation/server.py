"""Runs inside the sandbox: forks one process an asset, so that the libraries are loaded once.

It reads nothing of an asset itself. When its owner is gone it kills what it forked, and ends.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.isolation import decoding, wire
from qc_plugin.isolation.confine import close_all_but, confine_server

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[dict[str, Any], int, socket.socket], None]


def main(descriptor: int, work: Work = decoding.run) -> None:
    """Serve the owner at the other end of `descriptor` until it hangs up."""
    owner = socket.socket(fileno=descriptor)
    network_off = confine_server()  # first: a user namespace needs a process of one thread
    decoding.preload()
    wire.send(owner, {"network_off": network_off})
    scratch = Path.cwd()
    with suppress(EOFError, OSError):
        while True:
            request, descriptors = wire.receive(owner, 2)
            if "kill" in request:
                continue  # it crossed with the end of the decoder
            asset, channel = descriptors
            pid = os.fork()
            if pid == 0:
                _child(request, asset, channel, work)
            os.close(asset)
            os.close(channel)
            status = _watched(pid, owner)
            _kill_strays()
            wire.send(owner, {"status": status})
    shutil.rmtree(scratch, ignore_errors=True)


def _child(request: dict[str, Any], asset: int, channel: int, work: Work) -> None:
    code = 1
    try:
        close_all_but(asset, channel)
        work(request, asset, socket.socket(fileno=channel))
        code = 0
    finally:
        os._exit(code)


def _watched(pid: int, owner: socket.socket) -> int:
    """Wait status of the child; it is killed as soon as the owner says a word or is gone."""
    ended = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(owner, select.POLLIN)
        if ended not in dict(poll.poll()):
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
            wire.receive(owner)  # the word, or EOFError
            return status
        return os.waitpid(pid, 0)[1]
    finally:
        os.close(ended)


def _kill_strays() -> None:
    """End what a child left behind, also what left its group: orphans become children of ours."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    with suppress(OSError, ValueError):
        while pids := [int(word) for word in children.read_text(encoding="ascii").split()]:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
