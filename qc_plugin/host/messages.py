"""What lies in a queue, as events: our own, and S3 notifications (plain, through SNS or EventBridge)."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import unquote_plus

from qc_plugin.errors import UsageError
from qc_plugin.host.event import PROTOCOL, Event, parse_event

_CREATED = "ObjectCreated:"


def events_in(body: str) -> list[Event]:
    """The events of one message; none for a test message or for objects that were removed.

    Raises UsageError or ConfigError for a message that no retry will make readable.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the message is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise UsageError("the message is not a JSON object")
    if data.get("Type") == "Notification" and isinstance(data.get("Message"), str):
        return events_in(data["Message"])
    if data.get("Event") == "s3:TestEvent":  # sent once, when somebody connects a bucket to the queue
        return []
    if "Records" in data:
        return [event for record in _list(data["Records"]) for event in _from_record(record)]
    if data.get("source") == "aws.s3" and isinstance(data.get("detail"), dict):
        return _from_bridge(data)
    return [parse_event(body.encode())[0]]


def object_event(bucket: str, key: str, version: str) -> Event:
    """The event for one object. Its id follows from the object, so a duplicate message is the same event."""
    identity = hashlib.sha256(json.dumps([bucket, key, version]).encode()).hexdigest()
    uri = f"s3://{bucket}/{key}"  # literally, as S3 tools write it: nothing in a key is decoded again
    return Event.model_validate(
        {"schema": PROTOCOL, "event": "asset.ingested", "id": f"s3-{identity}", "asset": {"uri": uri}}
    )


def _from_record(record: Any) -> list[Event]:
    """Keys come URL-encoded, with `+` for a space."""
    if not isinstance(record, dict):
        raise UsageError("a record of the message is not an object")
    if not str(record.get("eventName", "")).removeprefix("s3:").startswith(_CREATED):
        return []
    try:
        thing = record["s3"]["object"]
        bucket, key = str(record["s3"]["bucket"]["name"]), unquote_plus(str(thing["key"]))
    except (KeyError, TypeError) as error:
        raise UsageError(f"a record of the message names no bucket and key ({error!r})") from error
    return [object_event(bucket, key, _version(thing))]


def _from_bridge(data: dict[str, Any]) -> list[Event]:
    """EventBridge does not encode keys."""
    if data.get("detail-type") != "Object Created":
        return []
    try:
        bucket, thing = str(data["detail"]["bucket"]["name"]), data["detail"]["object"]
        return [object_event(bucket, str(thing["key"]), _version(thing))]
    except (KeyError, TypeError) as error:
        raise UsageError(f"the message names no bucket and key ({error!r})") from error


def _version(thing: dict[str, Any]) -> str:
    """What tells this content of a key from the next: the version, or the ETag; else the order of events."""
    for name in ("versionId", "version-id", "eTag", "etag", "sequencer"):
        if thing.get(name):
            return f"{name}={thing[name]}"
    return ""


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise UsageError("`Records` of the message is not a list")
    return value
