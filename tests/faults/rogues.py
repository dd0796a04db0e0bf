"""Decoders that crash, hang, lie or pry: they run in the place of ours, named by the asset's first word."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from qc_plugin.decode import Limits
from qc_plugin.isolation import wire
from qc_plugin.isolation.confine import confine_child
from qc_plugin.isolation.decoding import _tell_error

INFO = {"container": "x", "codec": "x", "pixel_format": "x", "width_px": 64, "height_px": 48}
LOOK = {
    "say": "look",
    "slot": 0,
    "index": 0,
    "pts_s": 0.0,
    "luma": [8, 8],
    "chroma": [2, 4, 4],
    "rows": [8, 8],
}
COUNTS = {"errors": 0, "corrupt": 0, "is_corrupt": False}


def work(request, asset, channel):
    confine_child(Limits(**request["limits"]))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    word = request["name"].split()[0]
    _ROGUES[word](request, channel)


def _begin(channel):
    wire.send(channel, {"say": "info", "info": INFO})
    return wire.receive(channel, 1)


def _say(channel, **changes):
    wire.send(channel, LOOK | COUNTS | changes)


def _wrong_shape(_request, channel):
    _begin(channel)
    _say(channel, luma=[4000, 4000])
    time.sleep(60)


def _far_slot(_request, channel):
    _begin(channel)
    _say(channel, slot=99)
    time.sleep(60)


def _backwards(_request, channel):
    _begin(channel)
    _say(channel, index=5, pts_s=5.0)
    _say(channel, index=4, pts_s=4.0)
    time.sleep(60)


def _garbage(_request, channel):
    with suppress(OSError):
        for _ in range(100_000):
            channel.send(os.urandom(10_000))


def _beat(_request, channel):
    _begin(channel)
    while True:
        wire.send(channel, {"say": "beat"})
        time.sleep(0.2)


def _eat(request, channel):
    kept = []
    try:
        while True:
            kept.append(bytearray(64 << 20))
    except MemoryError:
        kept.clear()
        _tell_error(channel, "LimitExceeded", f"{request['name']} needs more memory than it may have")


def _fork(_request, channel):
    """A grandchild in a session of its own, with our channel."""
    command = [sys.executable, "-c", "import time; time.sleep(100)", "qc-grandchild"]
    subprocess.Popen(command, start_new_session=True, pass_fds=[channel.fileno()])
    os._exit(0)


def _spin(_request, _channel):
    while True:
        pass


def _raise(_request, channel):
    _tell_error(channel, "internal", "no such thing")


def _look_round(request, channel):
    """What a captured decoder would find: the environment, open files, the network."""
    port = int(request["name"].split()[1])
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2)
        net = "reached"
    except OSError as error:
        net = str(error)
    files = sorted(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
    _tell_error(channel, "internal", f"env {dict(os.environ)} files {files} net {net}")


_ROGUES = {
    "segv": lambda *_: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": lambda *_: os.abort(),
    "leave": lambda *_: os._exit(0),
    "sleep": lambda *_: time.sleep(100),
    "spin": _spin,
    "garbage": _garbage,
    "wrong-shape": _wrong_shape,
    "far-slot": _far_slot,
    "backwards": _backwards,
    "beat": _beat,
    "eat": _eat,
    "fork": _fork,
    "raise": _raise,
    "look": _look_round,
}
