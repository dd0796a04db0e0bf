"""Answers events: who asked before gets the stored answer, everyone else the work of `batch`."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin import __version__
from qc_plugin.asset.check_one import AssetChecker
from qc_plugin.asset.identity import hash_file
from qc_plugin.config import RunConfig, load_config
from qc_plugin.decode.sampling import parse_sample
from qc_plugin.errors import ConfigError, QcError
from qc_plugin.extensions.installed import packages
from qc_plugin.files import temporary_folder
from qc_plugin.host.answer import lasting, of_error, of_outcome
from qc_plugin.host.answer_store import AnswerStore, Basis
from qc_plugin.host.candidates import choose_frames, choose_stills
from qc_plugin.host.deadline import Deadline
from qc_plugin.host.locate import locate, state_of
from qc_plugin.host.manifest import default_timeout_s
from qc_plugin.host.outbox import Outbox, check_webhook
from qc_plugin.host.tasks import run_task
from qc_plugin.rulesets.ruleset import AssetFacts, applies
from qc_plugin.store.address import file_path, scheme_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from qc_plugin.batch import AssetOutcome
    from qc_plugin.host.event import AssetRef, Event
    from qc_plugin.host.result import Progress, Result
    from qc_plugin.types import AssetKind

log = logging.getLogger(__name__)
# What an event means when neither the host nor the operator names rules.
_RULES = {"artwork.submitted": "artwork", "thumbnail.candidates": "thumbnail-candidates"}
_BACKENDS = {"auto": None, "cpu": "openvino", "cuda": "tensorrt"}


class EventHandler:
    """Answers one event after another with the same operator's settings; engines stay loaded in between.

    `flags` are settings of the operator that no event can change.
    """

    def __init__(self, flags: Mapping[str, Any] | None = None, *, file: Path | None = None) -> None:
        self._flags = {k: v for k, v in (flags or {}).items() if v is not None}
        self._file = file
        self._workshop = lru_cache(maxsize=2)(_open_workshop)

    def answer(
        self,
        event: Event,
        *,
        tell: Callable[[Progress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Result:
        """The answer to `event`; whatever goes wrong with it is an answer too, never an exception."""
        timeout_s = event.timeout_s or default_timeout_s(event.event)
        clock = Deadline(event.id, timeout_s=timeout_s, tell=tell, stop=stop)
        try:
            result = self._answer(event, clock)
        except QcError as error:
            result = of_error(event, error)
        except Exception as error:  # the host waits for a line, whatever happens
            log.exception("%s: internal error", event.id)
            result = of_error(event, error)
        return result.model_copy(update={"seconds": round(clock.seconds, 3)})

    def config_for(self, event: Event) -> RunConfig:
        """Settings of one event: the operator's flags, then the event's, then files and environment."""
        asked = event.settings
        flags: dict[str, Any] = {
            "rules": asked.rules,
            "sample": asked.sample,
            "reports": _folder(asked.reports) if asked.reports else None,
            "backend": _BACKENDS[asked.device],
        }
        given = {k: v for k, v in flags.items() if v is not None}
        config, origins = load_config({**given, **self._flags}, file=self._file)
        parse_sample(config.sample)  # wrong for artwork too, which would not notice
        if origins["rules"] == "default" and event.event in _RULES:
            config = config.model_copy(update={"rules": _RULES[event.event]})
        return config

    def _answer(self, event: Event, clock: Deadline) -> Result:
        config = self.config_for(event)
        if event.settings.dry_run:
            with temporary_folder("qc-dry-") as folder:
                result = self._work(event, config.model_copy(update={"reports": folder}), clock)
            return result.model_copy(update={"report": None, "sheet": None})
        if config.webhook:
            check_webhook(config.webhook)
        memory = AnswerStore(config.reports)
        basis = _basis(event, config)  # before the work: what comes in meanwhile is looked at the next time
        stored = memory.recall(event, basis)
        if stored is not None:
            return stored
        result = self._work(event, config, clock)
        if not lasting(result):
            return result
        if config.webhook:  # before it is kept: a crash in between sends twice, never not at all
            Outbox(config.reports).put(result, config.webhook, basis=basis.text)
        return memory.remember(event, result, basis)

    def _work(self, event: Event, config: RunConfig, clock: Deadline) -> Result:
        """The answer with what packages warned of: part of it, so that a kept answer says it again."""
        n_warned = len(packages().warnings)
        result = self._judged(event, config, clock)
        return result.model_copy(update={"warnings": [*result.warnings, *packages().warnings[n_warned:]]})

    def _judged(self, event: Event, config: RunConfig, clock: Deadline) -> Result:
        clock.watch(0.0, "start")
        if event.event == "task.run":
            return run_task(event, config, clock)
        if event.candidates is not None:
            look = self._looker(event, config)
            return choose_stills(event, config, clock, look)
        assert event.asset is not None
        outcome = self._look(event, event.asset, config, clock.watch)
        result = of_outcome(event, event.asset, outcome)
        if event.event == "thumbnail.candidates":
            return choose_frames(result, outcome)
        return result

    def _looker(
        self, event: Event, config: RunConfig
    ) -> Callable[[AssetRef, Callable[[float], bool]], AssetOutcome]:
        return lambda ref, watch: self._look(event, ref, config, watch)

    def _look(
        self, event: Event, ref: AssetRef, config: RunConfig, watch: Callable[[float], bool]
    ) -> AssetOutcome:
        """Check one asset, or find that its content was checked before under the same keys."""
        workshop = self._workshop(config, tell=not event.settings.dry_run)
        with _spool() as folder:
            path = locate(ref.uri, folder, config)
            sha256 = hash_file(path)
            uri = ref.uri if path.is_relative_to(folder) else None
            outcome = workshop.process(path, sha256, watch, uri=uri)
        _warn_unfit(workshop, event, ref, outcome)
        return outcome


def _basis(event: Event, config: RunConfig) -> Basis:
    """What the answer to `event` will rest on."""
    refs = event.candidates or ([event.asset] if event.asset else [])
    files = tuple(state_of(ref.uri) for ref in refs)
    return Basis(files=files, settings=f"{__version__} {config.limits} {config.reader}")


def _open_workshop(config: RunConfig, *, tell: bool) -> AssetChecker:
    return AssetChecker(config, tell=tell)


def _warn_unfit(workshop: AssetChecker, event: Event, ref: AssetRef, outcome: AssetOutcome) -> None:
    """A rule set that says it is not for such content is used all the same: the host chose it."""
    kind: AssetKind = (
        "video" if event.candidates else outcome.kind
    )  # stills to choose from are frames of a video
    facts = AssetFacts(kind=kind, content=ref.content)
    if outcome.verdict != "error" and not applies(workshop.rules, facts):
        what = f"{facts.kind}, {ref.content}" if ref.content else facts.kind
        packages().warnings.append(
            f"the rule set `{workshop.rules.id}` says it is not for this asset ({what})"
        )


@contextmanager
def _spool() -> Iterator[Path]:
    """A private folder for what is fetched, gone afterwards."""
    with temporary_folder("qc-spool-") as folder:
        yield folder


def _folder(uri: str) -> Path:
    """The reports folder an event names. Raises ConfigError for an address that is not a folder here."""
    scheme = scheme_of(uri)
    if scheme == "file":
        return file_path(uri)
    if not scheme:
        return Path(uri)
    raise ConfigError(
        f"reports `{scheme}://...`: reports are written to a folder; name one, and install a package "
        "with a report_sink to have them put elsewhere"
    )
