"""Calls `qc-plugin hook` from any Python host: one event in, progress on the way, one result out.

Standard library only, so that a host's environment needs nothing of ours: the plugin may live in its own
environment, named by QC_PLUGIN_COMMAND (default: `qc-plugin hook`).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import Any

Message = dict[str, Any]


class NotAnswered(Exception):
    """The call was no event, or the process died. `retryable` says whether to call again."""

    def __init__(self, text: str, *, retryable: bool) -> None:
        super().__init__(text)
        self.retryable = retryable


def call(
    event: Mapping[str, Any],
    *,
    tell: Callable[[Message], None] | None = None,
    stop: threading.Event | None = None,
) -> Message:
    """The result for `event`. `tell` gets each progress line; `stop`, when set, asks the plugin to end."""
    command = shlex.split(os.environ.get("QC_PLUGIN_COMMAND", "qc-plugin hook"))
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdin is not None
    assert process.stdout is not None
    done = threading.Event()
    if stop is not None:
        threading.Thread(target=_stop_with, args=(stop, done, process), daemon=True).start()
    answer: Message | None = None
    try:
        process.stdin.write(json.dumps(dict(event)))
        process.stdin.close()
        for line in process.stdout:
            message = json.loads(line)
            if message["type"] != "progress":
                answer = message
            elif tell is not None:
                tell(message)
    finally:
        done.set()
        process.stdout.close()
        code = process.wait()
    if answer is None:
        raise NotAnswered(f"qc-plugin ended with code {code} and no answer", retryable=True)
    if answer["type"] == "error":
        raise NotAnswered(answer["error"]["text"], retryable=answer["error"]["retryable"])
    return answer


def _stop_with(stop: threading.Event, done: threading.Event, process: subprocess.Popen[str]) -> None:
    """SIGTERM once the host wants the work to end; the plugin answers within ten seconds."""
    while not done.is_set():
        if stop.wait(0.2):
            process.terminate()
            return


def asset_event(uri: str, event_id: str, *, event: str = "asset.ingested", **settings: Any) -> Message:
    """An event about one asset. Keep `event_id` when the host tries again: then no work is done twice."""
    return {"schema": 1, "event": event, "id": event_id, "asset": {"uri": uri}, "settings": settings}
