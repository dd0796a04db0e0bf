"""Commands in this process: fast, and with real exit codes."""

import sys
from importlib import import_module

import pytest

main = import_module("qc_plugin.cli.main")  # the name in the package is the function


@pytest.fixture
def qc(monkeypatch, capsys, tmp_path):
    """Run a command in an empty folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["qc-plugin", *map(str, args)])
        code = main._run()
        return code, *capsys.readouterr()

    return run
