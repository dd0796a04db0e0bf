"""Answers kept by event id: a host that asks twice gets the first answer, and no work is done again.

One small file an event under `<reports>/_events/`, committed like a report: the first writer wins, so that
two workers with the same event give one answer.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from qc_plugin.errors import UsageError
from qc_plugin.files import write_first
from qc_plugin.host.event import fingerprint
from qc_plugin.host.result import Result, line
from qc_plugin.report.layout import EVENTS, adopt

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.host.event import Event


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on beside its question.

    `files`: the state of each asset, None where it is not there or cannot be told. `settings`: what decides
    whether a file can be checked at all (version, limits, reader).
    """

    files: tuple[str | None, ...] = ()
    settings: str = ""

    @property
    def text(self) -> str:
        """The same for the same basis, in every process."""
        return json.dumps(asdict(self), sort_keys=True)

    def bears(self, kept: Basis, *, failed: bool) -> bool:
        """Whether an answer on the basis `kept` still stands.

        A verdict stands until the file is another one; that it is gone since says nothing about it. That a
        file could not be checked stands only for the very same file under the same settings.
        """
        if failed:
            return self == kept and None not in self.files
        return len(self.files) == len(kept.files) and all(
            now in (None, then) for now, then in zip(self.files, kept.files, strict=True)
        )


class AnswerStore:
    """The stored answers of one reports folder."""

    def __init__(self, reports: Path) -> None:
        adopt(reports)
        self._root = reports / EVENTS

    def recall(self, event: Event, basis: Basis) -> Result | None:
        """The stored answer to this id, None where it does not stand on `basis` any more.

        Raises UsageError when the id was used for another question.
        """
        path = self._path(event.id)
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            asked, result = stored["asked"], Result.model_validate(stored["result"])
            kept = Basis(tuple(stored["basis"]["files"]), stored["basis"]["settings"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            path.unlink(missing_ok=True)  # torn or from a later version: the work is done again
            return None
        if asked != fingerprint(event):
            raise UsageError(
                f"the event id `{event.id[:80]}` was used for another question; give each its own id"
            )
        if not basis.bears(kept, failed=result.verdict == "error"):
            path.unlink(missing_ok=True)
            return None
        return result.model_copy(update={"replayed": True})

    def remember(self, event: Event, result: Result, basis: Basis) -> Result:
        """Keep `result`, durably; the answer to give, which is that of another worker if it was first."""
        path = self._path(event.id)
        told = {"asked": fingerprint(event), "basis": asdict(basis), "result": json.loads(line(result))}
        text = json.dumps(told)
        if write_first(path, text, what="the answer"):
            return result
        return self.recall(event, basis) or result

    def _path(self, event_id: str) -> Path:
        """By digest: an id is what the host likes, and must never become a path."""
        name = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
        return self._root / name[:2] / f"{name}.json"
