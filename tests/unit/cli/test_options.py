"""Settings of commands: declared once, made into one value."""

import typer
from typer.testing import CliRunner

from qc_plugin.cli import options as o


def command(seen, **how):
    app = typer.Typer()

    @app.command()
    @o.with_settings("sample", "threads", **how)
    def look(name: str, run, as_json: o.Json = False) -> int:
        seen.append((name, run, as_json))
        return 0

    return app


def run(app, *arguments):
    return CliRunner().invoke(app, arguments)


def test_options_become_settings_and_the_rest_reaches_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []
    assert run(command(seen), "x", "--sample", "1fps", "--threads", "3", "--json").exit_code == 0
    ((name, settings, as_json),) = seen
    assert (name, settings.sample, settings.threads, as_json) == ("x", "1fps", 3, True)
    assert settings.sheet


def test_what_is_not_given_is_left_to_files_and_variables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QC_SAMPLE", "3fps")
    seen = []
    run(command(seen, no_sheet=True, rules="artwork", jobs="auto"), "x", "--no-sheet")
    ((_, settings, _),) = seen
    assert (settings.sample, settings.rules, settings.jobs) == ("3fps", "artwork", None)
    assert not settings.sheet


def test_an_option_that_a_command_does_not_declare_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(command([]), "x", "--rules", "artwork").exit_code == 2
