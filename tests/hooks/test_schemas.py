"""The published schemas are those of the models, and what we ship and say obeys them."""

import json

import jsonschema
import pytest
import yaml

import qc_plugin
from qc_plugin.errors import UsageError
from qc_plugin.host.event import EVENTS, parse_event
from qc_plugin.host.schemas import FOLDER, NAMES, schema_of, schema_text
from qc_plugin.plugin import create
from qc_plugin.resources import shipped


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_model_says(name):
    stored = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert stored == schema_text(name), f"run: qc-plugin schema {name} > qc_plugin/schemas/{name}.json"
    jsonschema.Draft202012Validator.check_schema(json.loads(stored))


def test_there_is_no_other_schema():
    with pytest.raises(UsageError, match="manifest, event, result"):
        schema_of("events")


def test_the_manifest_obeys_its_schema_and_names_real_files():
    manifest = yaml.safe_load(shipped("plugin.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(manifest, schema_of("manifest"))
    for place in (p for p in manifest["schemas"].values() if p.endswith(".json")):
        assert (FOLDER.parent / place).is_file(), place
    assert manifest == create().manifest


@pytest.mark.parametrize(
    "change",
    [{"hooks": [{"id": "x"}]}, {"verdicts": ["good"]}, {"colour": 1}, {"manifest": 2}, {"entry": {}}],
)
def test_the_schema_refuses_what_is_no_manifest(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(create().manifest | change, schema_of("manifest"))


def test_every_event_is_in_the_manifest_and_back():
    hooked = {hook["event"] for hook in create().manifest["hooks"]}
    assert hooked | {"task.run"} == set(EVENTS)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "asset.ingested", "asset": {"uri": "a", "kind": "video"}, "settings": {"rules": "x"}},
        {"event": "thumbnail.candidates", "candidates": [{"uri": "a", "extra": 1}], "unknown": True},
        {"event": "task.run", "task": "nightly-scan", "paths": ["in"], "timeout_s": 3.5},
    ],
)
def test_schema_and_parser_agree_on_events(event):
    event = {"schema": 1, "id": "e", **event}
    jsonschema.validate(event, schema_of("event"))
    parse_event(json.dumps(event).encode())
    for wrong in ({"schema": 2}, {"event": "x"}, {"settings": {"rule": 1}}, {"id": ""}, {"timeout_s": 0}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(event | wrong, schema_of("event"))
        with pytest.raises(qc_plugin.errors.QcError):
            parse_event(json.dumps(event | wrong).encode())
