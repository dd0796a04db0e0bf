"""Conductor: a worker that polls for `qc_check_asset` tasks over HTTP, with the standard library.

    CONDUCTOR_URL=http://conductor:8080/api python conductor_worker.py

Input: `uri`, `reports`. While we work the task is IN_PROGRESS with `callbackAfterSeconds`; what no retry
helps ends as FAILED_WITH_TERMINAL_ERROR, everything else that failed as FAILED.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from typing import Any

from qc_host import NotAnswered, asset_event, call

TASK = "qc_check_asset"
CALLBACK_S = 60  # longer than two progress lines are apart, so that no other worker is given the task


def work_once(url: str, worker: str) -> bool:
    """Poll once; True when there was a task, done or failed."""
    task = _request("GET", f"{url}/tasks/poll/{TASK}?workerid={worker}")
    if not task:
        return False

    def update(status: str, output: dict[str, Any], **more: Any) -> None:
        known = {
            "taskId": task["taskId"],
            "workflowInstanceId": task["workflowInstanceId"],
            "workerId": worker,
        }
        _request("POST", f"{url}/tasks", {**known, "status": status, "outputData": output, **more})

    given = task["inputData"]
    # By the place in the workflow: a retried task has another taskId and asks the same question.
    event_id = f"conductor/{task['workflowInstanceId']}/{task.get('referenceTaskName', TASK)}"
    event = asset_event(given["uri"], event_id, reports=given["reports"])
    try:
        result = call(
            event, tell=lambda p: update("IN_PROGRESS", {"done": p["done"]}, callbackAfterSeconds=CALLBACK_S)
        )
    except NotAnswered as error:
        update(_failed(retryable=error.retryable), {}, reasonForIncompletion=str(error))
        return True
    if result["verdict"] == "error" or result["retryable"]:
        reason = (result.get("error") or {"text": "incomplete"})["text"]
        update(_failed(retryable=result["retryable"]), result, reasonForIncompletion=reason)
    else:
        update("COMPLETED", result)
    return True


def _failed(*, retryable: bool) -> str:
    return "FAILED" if retryable else "FAILED_WITH_TERMINAL_ERROR"


def _request(method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    # An update is answered with the bare id of the task.
    return json.loads(text) if text.startswith(b"{") else None


def main() -> None:
    """Poll for ever."""
    url, worker = os.environ["CONDUCTOR_URL"].rstrip("/"), f"qc-{os.getpid()}"
    while True:
        if not work_once(url, worker):
            time.sleep(1)


if __name__ == "__main__":
    main()
