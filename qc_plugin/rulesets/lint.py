"""All problems of a rule file at once, each with its line and its repair."""

from __future__ import annotations

from pathlib import Path

from qc_plugin.rulesets.inherit import Fault, join
from qc_plugin.rulesets.ruleset import resolve
from qc_plugin.rulesets.yaml_source import Place, Problem, RuleFileError, place_of

__all__ = ["Problem", "lint"]


def lint(path: Path | str) -> list[Problem]:
    """Problems of the rule file at `path`, in the order of its lines; none means that it can be used.

    A problem of a parent stands at the `extends` of this file, and names the place in the parent.
    """
    path = Path(path)
    try:
        joined = join(path)
    except RuleFileError as error:
        return [_problem(Fault(error.place, error.message, error.fix), path, Place(path))]
    _, faults = resolve(joined)
    extends = place_of(joined.source.data, ("extends",), Place(path))
    return [_problem(fault, path, extends) for fault in faults]


def _problem(fault: Fault, path: Path, extends: Place) -> Problem:
    if fault.place.path == path:
        return Problem(fault.place.line, fault.place.column, fault.message, fault.fix)
    where = f"{fault.place.path}:{fault.place.line}:{fault.place.column}"
    return Problem(extends.line, extends.column, f"in {where}: {fault.message}", fault.fix)
