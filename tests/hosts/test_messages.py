"""What lies in queues: our events, S3 notifications in their three wrappings, and messages of no use."""

import json

import pytest

from qc_plugin.errors import QcError
from qc_plugin.host.messages import events_in


def record(key, name="ObjectCreated:Put", **thing):
    thing = {"key": key, "eTag": "abc", **thing}
    return {"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": "in"}, "object": thing}}


@pytest.mark.parametrize(
    ("key", "uri"),
    [
        ("vendor%2Fclip+1.mp4", "s3://in/vendor/clip 1.mp4"),
        ("a%2Bb%3F%23.mov", "s3://in/a+b?#.mov"),
        ("%E6%98%A0%E7%94%BB.mp4", "s3://in/映画.mp4"),
        ("100%25.mp4", "s3://in/100%.mp4"),
        ("%252F.mp4", "s3://in/%2F.mp4"),
    ],
)
def test_keys_are_decoded_once(key, uri):
    (event,) = events_in(json.dumps({"Records": [record(key)]}))
    assert (event.event, event.asset.uri) == ("asset.ingested", uri)


def test_event_bridge_does_not_encode_keys():
    detail = {"bucket": {"name": "in"}, "object": {"key": "a+b c.mp4", "etag": "abc"}}
    body = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    (event,) = events_in(json.dumps(body))
    assert event.asset.uri == "s3://in/a+b c.mp4"
    assert events_in(json.dumps(body | {"detail-type": "Object Deleted"})) == []


def test_sns_is_unwrapped():
    inner = json.dumps({"Records": [record("a.mp4"), record("b.mp4")]})
    events = events_in(json.dumps({"Type": "Notification", "Message": inner}))
    assert [e.asset.uri for e in events] == ["s3://in/a.mp4", "s3://in/b.mp4"]


def test_our_own_event_passes():
    body = {"schema": 1, "event": "artwork.submitted", "id": "x", "asset": {"uri": "a.png"}}
    assert events_in(json.dumps(body))[0].id == "x"


@pytest.mark.parametrize(
    "body",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "in"},
        {"Records": []},
        {"Records": [record("a.mp4", "ObjectRemoved:Delete")]},
    ],
)
def test_messages_without_work(body):
    assert events_in(json.dumps(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "7",
        '{"Records": 7}',
        '{"Records": [7]}',
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        "{}",
    ],
)
def test_messages_that_no_retry_helps(body):
    with pytest.raises(QcError) as caught:
        events_in(body)
    assert caught.value.exit_code == 2


def test_a_duplicate_has_the_same_id_and_new_content_another():
    def id_of(**thing):
        return events_in(json.dumps({"Records": [record("a.mp4", **thing)]}))[0].id

    assert id_of() == id_of()
    assert id_of(sequencer="1") == id_of(sequencer="2")  # the ETag says that it is the same content
    assert id_of(eTag="def") != id_of()
    assert id_of(versionId="v1") != id_of(versionId="v2")
