"""Messages to and from the process that decodes: one JSON object a packet, descriptors beside it."""

from __future__ import annotations

import json
import select
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 64 << 10
_SLICE_S = 1.0


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends that keep packets apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(to: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message. OSError when the other end is gone."""
    socket.send_fds(to, [json.dumps(message).encode()], list(descriptors))


def wait_for(source: socket.socket, most_s: float) -> float | None:
    """Seconds until `source` has something to say; None when it says nothing for `most_s`.

    Counted in short waits, each for at most its own length: where this process stood still itself (Ctrl-Z, a
    sleeping laptop), so did the other side, and it gets its time.
    """
    waited_s = 0.0
    poll = select.poll()
    poll.register(source, select.POLLIN)
    while waited_s < most_s:
        slice_s, started = min(_SLICE_S, most_s - waited_s), time.monotonic()
        came = poll.poll(1000 * slice_s)
        waited_s += min(slice_s, time.monotonic() - started) if came else slice_s
        if came:
            return waited_s
    return None


def receive_bytes(source: socket.socket) -> bytes:
    """The next packet of a side that we do not trust, at most `MAX_BYTES` of it; empty when it is gone.

    Descriptors sent along are dropped by the kernel.
    """
    for _ in range(2):
        try:
            return source.recv(MAX_BYTES)
        except ConnectionResetError:
            # The other side ended with a word of ours unread: said once, before what it had sent to us.
            continue
    return b""


def receive(source: socket.socket, n_descriptors: int = 0) -> tuple[dict[str, Any], list[int]]:
    """The next message of a side that we trust. EOFError when it is gone."""
    data, descriptors, _, _ = socket.recv_fds(source, MAX_BYTES, n_descriptors)
    if not data:
        raise EOFError
    return json.loads(data), descriptors
