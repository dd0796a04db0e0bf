"""`decisions.jsonl`: what people decided about frames, one JSON object a line, saved by the review page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qc_plugin.errors import UsageError
from qc_plugin.types import Decision

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "qc.decisions/1"
_LARGEST_BYTES = 256 * 1024 * 1024  # a line is a kilobyte: a quarter of a million decisions
_N_NAMED = 5


class _Line(BaseModel):
    """One line. The page writes more (times, values); what is not used here is ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    schema_: Literal["qc.decisions/1"] = Field(alias="schema")
    asset_id: str = Field(min_length=1)
    judge_key: str = ""
    frame_index: int = Field(ge=0)
    decision: Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about one frame of an asset, and under which judge key it was shown."""

    asset_id: str
    judge_key: str
    frame_index: int
    decision: Decision


def read_decisions(path: Path, *, drop_contradictory: bool = False) -> tuple[list[Decided], list[str]]:
    """One decision a frame, in the order of the file, and sentences about frames that were dropped.

    Raises UsageError naming the line that is not one of ours, and for frames that are decided in two ways,
    unless `drop_contradictory` leaves those out.
    """
    first: dict[tuple[str, int], Decided] = {}
    said: dict[tuple[str, int], dict[Decision, int]] = {}
    for number, text in enumerate(_text(path).split("\n"), 1):
        if not text.strip():
            continue
        line = _parse(text, path, number)
        key = line.asset_id, line.frame_index
        first.setdefault(key, Decided(line.asset_id, line.judge_key, line.frame_index, line.decision))
        said.setdefault(key, {}).setdefault(line.decision, number)
    if not first:
        raise UsageError(f"{path}: holds no decision; save one from the page that `qc-plugin review` writes")
    clashing = {key: lines for key, lines in said.items() if len(lines) > 1}
    if clashing and not drop_contradictory:
        fix = "keep the line that holds, or leave all of them out with --drop-contradictory"
        raise UsageError(f"{_contradiction(path, clashing)}; {fix}")
    clear = [decided for key, decided in first.items() if key not in clashing]
    return clear, [f"{_contradiction(path, clashing)}; none of them is used"] if clashing else []


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise UsageError(f"{path}: larger than 256 MiB; is it a decisions file? Split it by asset")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text; name the decisions.jsonl of a review page") from error


def _parse(text: str, path: Path, number: int) -> _Line:
    try:
        return _Line.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the line"
        raise UsageError(
            f"{path}:{number}: not a line of {SCHEMA}: `{where}`: {first['msg'].lower()}; "
            "name the decisions.jsonl of a review page"
        ) from error


def _contradiction(path: Path, clashing: dict[tuple[str, int], dict[Decision, int]]) -> str:
    told = [
        f"frame {frame} of {asset[:16]} ("
        + ", ".join(f"{decision} in line {line}" for decision, line in lines.items())
        + ")"
        for (asset, frame), lines in clashing.items()
    ]
    more = f" and {len(told) - _N_NAMED} more" if len(told) > _N_NAMED else ""
    return f"{path}: {len(told)} frames are decided in two ways: {'; '.join(told[:_N_NAMED])}{more}"
