"""plugin.yaml tells the truth."""

from pathlib import Path

import yaml

import qc_plugin
from qc_plugin.config import RunConfig
from qc_plugin.plugin import create

ROOT = Path(__file__).resolve().parents[2]


def test_versions_agree():
    manifest = yaml.safe_load((ROOT / "plugin.yaml").read_text(encoding="utf-8"))
    assert manifest["version"] == qc_plugin.__version__
    assert f'version = "{qc_plugin.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_setting_exists_with_its_default():
    for name, setting in create().manifest["settings"].items():
        assert str(RunConfig.model_fields[name].default) == str(setting["default"])
