"""Commands that run for long: sqs, watch. One result line an asset; SIGTERM ends them at the next batch."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from qc_plugin.cli import options as o
from qc_plugin.cli.streams import reader_gone, stop_if_unread

if TYPE_CHECKING:
    from qc_plugin.host.event_handler import EventHandler
    from qc_plugin.host.result import Result

Loop = Callable[["EventHandler", Callable[["Result"], None], threading.Event], None]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (sqs, watch):
        app.command()(command)


def sqs(
    queue: Annotated[str, typer.Option("--queue", help="Address (URL) of the queue.")],
    rules: o.Rules = None,
    sample: o.Sample = None,
    reports: o.Reports = None,
    config: o.ConfigFile = None,
    wait: Annotated[int, typer.Option("--wait-s", min=0, max=20, help="Long polling.")] = 20,
    hidden: Annotated[
        int, typer.Option("--hidden-s", min=3, max=43_000, help="Hide a message in work.")
    ] = 120,
    retry: Annotated[int, typer.Option("--retry-s", min=0, max=43_000, help="Before a retry; doubled.")] = 60,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="End when nothing is waiting.")] = False,
) -> int:
    """Example: qc-plugin sqs --queue https://sqs.eu-west-1.amazonaws.com/1234/ingest --reports /mnt/qc

    Check what S3 notifications or our own events in a queue name. A message is deleted with its report safe.
    """
    from qc_plugin.host.sqs import Consumer, QueueSettings

    settings = QueueSettings(url=queue, wait_s=wait, hidden_s=hidden, retry_s=retry, until_empty=until_empty)

    def run(handler: EventHandler, tell: Callable[[Result], None], stop: threading.Event) -> None:
        Consumer(handler, settings, tell=tell, stop=stop).run()

    return _loop({"rules": rules, "sample": sample, "reports": reports}, config, run)


def watch(
    folder: Annotated[Path, typer.Argument(help="The folder.", show_default=False)],
    rules: o.Rules = None,
    sample: o.Sample = None,
    reports: o.Reports = None,
    config: o.ConfigFile = None,
    poll: Annotated[float, typer.Option("--poll-s", min=0.05, help="Between two looks.")] = 5.0,
    sidecar: Annotated[
        Optional[str], typer.Option("--sidecar", help="Wait for NAME + this, e.g. .done")
    ] = None,
    ignore: o.Ignore = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when all is answered.")] = False,
) -> int:
    """Example: qc-plugin watch /mnt/incoming --reports /mnt/qc

    Check files as they arrive, each when its size and time stayed the same over two looks.
    """
    from qc_plugin.host.watch import WatchSettings
    from qc_plugin.host.watch import watch as watch_folder

    known = o.settings(config, reports=reports, ignore=ignore)
    settings = WatchSettings(
        folder=folder,
        poll_s=poll,
        sidecar=sidecar,
        ignore=known.ignore,
        but=(known.reports,),
        until_idle=until_idle,
    )

    def run(handler: EventHandler, tell: Callable[[Result], None], stop: threading.Event) -> None:
        watch_folder(handler, settings, tell=tell, stop=stop)

    return _loop({"rules": rules, "sample": sample, "reports": reports}, config, run)


def _loop(flags: dict[str, Any], config: Path | None, run: Loop) -> int:
    """Run until asked to stop; results go to standard output and webhooks after each."""
    from qc_plugin.host.event_handler import EventHandler
    from qc_plugin.host.outbox import Outbox
    from qc_plugin.host.result import line

    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s", level=logging.WARNING)
    settings = o.settings(config, **flags)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def tell(result: Result) -> None:
        print(line(result), flush=True)
        if reader_gone():
            stop.set()
        if settings.webhook:
            Outbox(settings.reports).send(
                tries=1, limit_s=5.0
            )  # what waits is tried again after the next one

    run(EventHandler(flags, file=config), tell, stop)
    sys.stdout.flush()
    stop_if_unread()
    os._exit(0)  # a hook that hangs may hold threads that never end; everything durable is on disk
