"""What a host may send, and the sentence it gets for what it may not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_plugin.errors import ConfigError, QcError, UsageError
from qc_plugin.host.event import EVENT_LIMIT_BYTES, fingerprint, parse_event

GOOD = {"schema": 1, "event": "asset.ingested", "id": "e-42", "asset": {"uri": "show.mov"}}


def raw(**changes):
    return json.dumps({k: v for k, v in {**GOOD, **changes}.items() if v is not ...}).encode()


def test_a_good_event():
    event, warnings = parse_event(raw(settings={"rules": "strict"}, timeout_s=30))
    assert (event.event, event.asset.uri, event.settings.rules, event.timeout_s) == (
        "asset.ingested", "show.mov", "strict", 30,
    )  # fmt: skip
    assert warnings == []


def test_fields_we_do_not_know_are_named_and_ignored():
    event, warnings = parse_event(raw(colour="red", asset={"uri": "show.mov", "owner": "x"}))
    assert event.asset.uri == "show.mov"
    assert warnings == ["unknown field `asset.owner` ignored", "unknown field `colour` ignored"]


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", UsageError, "no event"),
        (b"  \n", UsageError, "no event"),
        (b"{", UsageError, "JSON"),
        (b"\xff\xfe{}", UsageError, "UTF-8"),
        (b"[1, 2]", UsageError, "list"),
        (b'"text"', UsageError, "str"),
        (b'{"schema": 1, "schema": 1}', UsageError, "stands twice"),
        (b'{"schema": NaN}', UsageError, "NaN"),
        (b"[" * 100_000, UsageError, "nested"),
        (b" " * (EVENT_LIMIT_BYTES + 1), UsageError, "1 MiB"),
        (raw(schema=...), UsageError, "protocol version"),
        (raw(schema=2), UsageError, "upgrade"),
        (raw(schema=True), UsageError, "protocol version"),
        (raw(schema="1"), UsageError, "without quotes"),
        (raw(event="asset.ingestd"), UsageError, "did you mean `asset.ingested`"),
        (raw(event=...), UsageError, "`event` is missing"),
        (raw(event=["a"]), UsageError, "unknown event"),
        (raw(id=...), UsageError, "`id`"),
        (raw(id=""), UsageError, "`id`"),
        (raw(id="x" * 600), UsageError, "`id`"),
        (raw(asset=...), UsageError, "needs `asset`"),
        (raw(asset={"uri": 7}), UsageError, "`asset.uri`"),
        (raw(asset={"uri": "a", "kind": "sound"}), UsageError, "`asset.kind`"),
        (raw(timeout_s=0), UsageError, "`timeout_s`"),
        (raw(timeout_s=-1), UsageError, "`timeout_s`"),
        (raw(timeout_s="soon"), UsageError, "`timeout_s`"),
        (raw(settings={"rule": "x"}), ConfigError, "did you mean `rules`"),
        (raw(settings={"limits": "trusted"}), ConfigError, "unknown setting `limits`"),
        (raw(settings={"webhook": "http://x"}), ConfigError, "unknown setting `webhook`"),
        (raw(settings={"device": "tpu"}), ConfigError, "settings.device"),
        (raw(event="thumbnail.candidates", candidates=[{"uri": "a"}]), UsageError, "either"),
        (raw(event="thumbnail.candidates", asset=...), UsageError, "either"),
        (raw(event="task.run", asset=...), UsageError, "needs `task`"),
        (raw(event="task.run", task="nightly-scan"), UsageError, "needs `paths`"),
        (raw(event="task.run", task="reboot"), UsageError, "`task`"),
    ],
)
def test_what_is_not_an_event_gets_one_sentence(data, error, words):
    with pytest.raises(error) as caught:
        parse_event(data)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400
    assert caught.value.exit_code == 2


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_event_or_an_error_of_ours(data):
    try:
        parse_event(data)
    except QcError as error:
        assert str(error)  # noqa: PT017 - an event is as good as an error here


def _deeper(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=20), _deeper, max_leaves=10))
def test_any_json_in_any_place_is_an_event_or_an_error_of_ours(value):
    for place in ("asset", "settings", "candidates", "paths", "timeout_s", "task", "id", "causation"):
        try:
            parse_event(json.dumps({**GOOD, place: value}).encode())
        except QcError as error:
            assert str(error)  # noqa: PT017


def test_the_same_question_has_the_same_fingerprint():
    one = parse_event(raw(timeout_s=5, causation="e-41"))[0]
    assert fingerprint(one) == fingerprint(parse_event(raw(timeout_s=9))[0])
    for other in ({"asset": {"uri": "b"}}, {"settings": {"rules": "strict"}}, {"event": "artwork.submitted"}):
        assert fingerprint(one) != fingerprint(parse_event(raw(**other))[0])
