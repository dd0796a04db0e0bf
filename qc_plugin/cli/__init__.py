"""The command line: arguments -> settings -> batch -> exit code. One file a group of commands."""

from qc_plugin.cli.main import main

__all__ = ["main"]
