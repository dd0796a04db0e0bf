"""Messages to and from the process that decodes: one JSON object a packet, descriptors beside it."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 64 << 10


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends that keep packets apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(to: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message. OSError when the other end is gone."""
    socket.send_fds(to, [json.dumps(message).encode()], list(descriptors))


def receive_bytes(source: socket.socket) -> bytes:
    """The next packet of a side that we do not trust, at most `MAX_BYTES` of it; empty when it is gone.

    Descriptors sent along are dropped by the kernel. Raises TimeoutError.
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
