"""plugin.yaml tells the truth."""

from importlib import import_module, metadata
from pathlib import Path
from typing import get_args

import yaml

import qc_plugin
from qc_plugin.cli.main import app_for
from qc_plugin.config import RunConfig
from qc_plugin.host.event import EventSettings
from qc_plugin.host.outbox import SECRET
from qc_plugin.plugin import create

ROOT = Path(__file__).resolve().parents[2]


def test_versions_agree():
    manifest = yaml.safe_load((ROOT / "plugin.yaml").read_text(encoding="utf-8"))
    assert manifest["version"] == qc_plugin.__version__
    assert f'version = "{qc_plugin.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_setting_exists_with_its_default():
    """A setting of the manifest is one of events, and where a run has it too, the defaults agree."""
    for name, setting in create().manifest["settings"].items():
        assert name in EventSettings.model_fields
        known = RunConfig.model_fields.get(name) or EventSettings.model_fields[name]
        assert str(known.default) == str(setting["default"])
        choices = get_args(EventSettings.model_fields[name].annotation) if "enum" in setting else ()
        assert list(choices) == setting.get("enum", [])
    assert set(create().manifest["settings"]) == set(EventSettings.model_fields)


def test_every_command_it_names_is_there():
    manifest = create().manifest
    module, name = manifest["entry"]["python"].split(":")
    assert getattr(import_module(module), name) is create
    commands = {c.name or c.callback.__name__ for c in app_for().registered_commands}
    for command in (manifest["entry"]["exec"], *(task["exec"] for task in manifest["tasks"])):
        assert command[0] == "qc-plugin"
        assert command[1] in commands


def test_it_is_published_as_an_entry_point():
    (point,) = metadata.entry_points(group="media.plugins", name="qc-plugin")
    assert point.load() is create


def test_secrets_have_no_value_in_it():
    assert create().manifest["secrets"] == [SECRET]
    assert not {"secret", "token", "password"} & set(create().manifest["settings"])
