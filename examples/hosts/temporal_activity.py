"""Temporal: an activity that checks one asset. Heartbeats carry our progress; cancelling stops the work."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from qc_host import NotAnswered, asset_event, call
from temporalio import activity
from temporalio.exceptions import ApplicationError


@activity.defn(name="qc-check-asset")
async def check_asset(uri: str, reports: str) -> dict[str, Any]:
    """The result for `uri`. Errors say whether a retry can help: `non_retryable` follows `retryable`."""
    info = activity.info()
    # Not the attempt: a retry gets the stored answer instead of doing the work again.
    event = asset_event(uri, f"temporal/{info.workflow_id}/{info.activity_id}", reports=reports)
    loop, stop = asyncio.get_running_loop(), threading.Event()

    def tell(progress: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(activity.heartbeat, progress["done"], progress["stage"])

    work = asyncio.create_task(asyncio.to_thread(call, event, tell=tell, stop=stop))
    try:
        result = await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await work  # the plugin answers within ten seconds; what it found is kept
        raise
    except NotAnswered as error:
        raise ApplicationError(str(error), type="NotAnswered", non_retryable=not error.retryable) from error
    if result["verdict"] == "error" or result["retryable"]:
        problem = result.get("error") or {"text": "incomplete", "class": "Incomplete"}
        raise ApplicationError(problem["text"], type=problem["class"], non_retryable=not result["retryable"])
    return result
