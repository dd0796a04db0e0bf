"""Settings: strict, with a known order of sources."""

import pytest

from qc_plugin.config import RunConfig, load_config
from qc_plugin.errors import ConfigError


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for name in RunConfig.model_fields:
        monkeypatch.delenv(f"QC_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_later_sources_win_and_say_so(tmp_path, monkeypatch):
    (tmp_path / "home/qc-plugin").mkdir(parents=True)
    (tmp_path / "home/qc-plugin/config.toml").write_text(
        'rules = "user"\nsample = "1fps"\nthreads = 3\njobs = 2'
    )
    (tmp_path / "qc-plugin.toml").write_text('rules = "project"\nsample = "4fps"\nthreads = 4')
    monkeypatch.setenv("QC_SAMPLE", "auto")
    monkeypatch.setenv("QC_RULES", "environment")
    values, origins = load_config({"rules": "flag", "backend": None})
    assert (values.rules, values.sample, values.threads, values.jobs) == ("flag", "auto", 4, 2)
    assert origins["rules"] == "command line"
    assert origins["sample"] == "environment"
    assert origins["threads"].endswith("qc-plugin.toml")
    assert origins["jobs"].endswith("config.toml")
    assert origins["backend"] == "default"


def test_pyproject_table_is_found_upwards(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.qc-plugin]\nsample = "keyframes"')
    (tmp_path / "deep/er").mkdir(parents=True)
    assert load_config(start=tmp_path / "deep/er")[0].sample == "keyframes"


def test_unknown_key_names_the_nearest(tmp_path):
    (tmp_path / "qc-plugin.toml").write_text("smaple = '2fps'")
    with pytest.raises(
        ConfigError, match=r"qc-plugin.toml: unknown setting `smaple`; did you mean `sample`\?"
    ):
        load_config()


@pytest.mark.parametrize(("key", "value"), [("jobs", 0), ("backend", "tpu"), ("threads", "many")])
def test_bad_value_names_key_and_source(key, value):
    with pytest.raises(ConfigError, match=f"command line: `{key}`"):
        load_config({key: value})


def test_missing_and_broken_file(tmp_path):
    with pytest.raises(ConfigError, match="no such settings file"):
        load_config(file=tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("rules = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(file=tmp_path / "bad.toml")


def test_detectors_are_names_with_commas_between():
    assert RunConfig().detector_names == ("regions",)
    assert RunConfig(detectors="mine/palms, regions").detector_names == ("mine/palms", "regions")
    with pytest.raises(ConfigError, match="names no engine"):
        load_config({"detectors": "regions,"})
