"""Entry point: every error leaves with one sentence and the exit code its class owns."""

from __future__ import annotations

import signal
import sys
import traceback
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from qc_plugin.cli.screen import err
from qc_plugin.cli.streams import guard
from qc_plugin.errors import QcError, UsageError
from qc_plugin.places import keep_error, working_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

# Newer typers carry a click of their own, older ones import the installed one: ask typer for the base class.
_WRONG_CALL: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

# The commands that each file here registers, in the order of the help. What is not called is not made: that
# would take as long as a rescan of a hundred finished assets does.
_FILES = {
    "assets": ("check", "thumbs", "explain", "demo"),
    "scan": ("scan",),
    "ledger": ("status", "compact", "ledger"),
    "doctor": ("doctor",),
    "host": ("hook", "manifest", "schema", "webhook", "warm-up"),
    "judging": ("rejudge", "calibrate"),
    "loops": ("sqs", "watch"),
    "exchange": ("export", "import", "replay"),
    "review": ("review",),
    "rules": ("rules",),
    "engines": ("engines",),
    "settings": ("config",),
}


def _root(*, version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from qc_plugin import __version__

        print(f"qc-plugin {__version__}")
        raise typer.Exit


def app_for(words: Sequence[str] = ()) -> typer.Typer:
    """The command line for a call of these words: all commands, or those of the file of the one they name."""
    named = next((word for word in words if not word.startswith("-")), "")
    app = typer.Typer(
        name="qc-plugin",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        help="Find motion blur, judge frames by rules, rank the best sharp ones.\n\n"
        "Start with: qc-plugin demo, then: qc-plugin check clip.mp4",
    )
    for file in [file for file, names in _FILES.items() if named in names] or _FILES:
        import_module(f"qc_plugin.cli.{file}").register(app)
    app.callback(invoke_without_command=True)(_root)
    return app


def main() -> None:
    """Run the command line and exit with the code of `docs/exit-codes.md`."""
    guard()
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_flushed(_run()))


def _run() -> int:
    try:
        result = app_for(sys.argv[1:])(standalone_mode=False)
    except QcError as error:
        _tell(error)
        return error.exit_code
    except _WRONG_CALL as error:  # unknown option, missing argument, ...
        error.show(file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        err.print("stopped; finished assets keep their reports, run the same command again to go on")
        return 130
    except Exception as error:  # noqa: BLE001 - the outermost handler
        return _unforeseen(error, traceback.format_exc())
    return result if isinstance(result, int) else 0


def _unforeseen(error: Exception, report: str) -> int:
    """What came here is our bug; unless a relative path was asked for where there is no working folder."""
    if isinstance(error, OSError) and working_folder() is None:
        gone = UsageError("the working folder is gone or may not be looked at; run again in another one")
        _tell(gone)
        return gone.exit_code
    _tell_bug(report)
    return 70


def _flushed(code: int) -> int:
    """The code of the command, or of results that cannot be written after all."""
    try:
        sys.stdout.flush()
    except QcError as error:
        _tell(error)
        return error.exit_code
    return code


def _tell(error: QcError) -> None:
    err.print(f"[bold red]error[/]: {escape(str(error))}", highlight=False, soft_wrap=True)


def _tell_bug(report: str) -> None:
    """Say where the traceback is, for a user to attach; where it can be kept nowhere, show it."""
    log = keep_error(report)
    err.print(
        "[bold red]internal error[/]; please report it with " + escape(str(log or "what follows")),
        soft_wrap=True,
    )
    if log is None:
        err.print(report, markup=False, soft_wrap=True)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(143)
