"""What a process gives up before it touches a stranger's file."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qc_plugin.decode import Limits

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SPARE_FILES = 64
_libc = ctypes.CDLL(None, use_errno=True)


def confine_server() -> bool:
    """No new rights, no network where the system lets us, stray grandchildren come to us.

    Returns whether the network is out of reach.
    """
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A new network namespace has no interface that is up. Without the right to make one: in a user namespace.
    return any(_libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def confine_child(limits: Limits) -> None:
    """Bounds on memory, CPU time, files and dumps of this process; killed with its parent."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    cpu_s = int(limits.max_timeout_s)
    for what, soft, hard in (
        (resource.RLIMIT_AS, limits.max_memory_bytes, limits.max_memory_bytes),
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 5),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, _SPARE_FILES, _SPARE_FILES),
    ):
        with suppress(ValueError, OSError):  # a lower bound of the system's own stays
            resource.setrlimit(what, (soft, hard))


def close_all_but(*kept: int) -> None:
    """Close every descriptor above stderr except `kept`."""
    last = 2
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))
