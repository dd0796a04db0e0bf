"""The installed packages: found once, called one by one, their failures taken by the policy of the run."""

from __future__ import annotations

import logging
import math
import re
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

import pluggy

from qc_plugin.errors import HookError
from qc_plugin.extensions import GROUP, ExtraMeasure, Hooks
from qc_plugin.extensions.guard import HookFailure, guarded
from qc_plugin.types.measures import MEASURES, UNITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qc_plugin.config import RunConfig

log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-z][a-z0-9_]{1,63}")


class Packages:
    """Everything installed that implements a hook. One that hung is not called again in this process."""

    def __init__(self, manager: pluggy.PluginManager, broken: Mapping[str, str]) -> None:
        self._manager = manager
        self._broken = dict(broken)
        self._benched: set[tuple[str, str]] = set()
        self._measures: tuple[ExtraMeasure, ...] | None = None
        self.warnings: list[str] = []

    def asset_finished(self, path: Path, config: RunConfig) -> None:
        """Tell all about a durable report; each gets its own copy, read from the file."""
        from qc_plugin.report.read import read_report  # pyarrow is loaded by those who read

        list(
            self._each("asset_finished", config, {"report": lambda: read_report(path), "path": lambda: path})
        )

    def batch_finished(self, config: RunConfig, n_done: int, n_failed: int) -> None:
        """Tell all that a scan is over."""
        given = {"reports": config.reports, "n_done": n_done, "n_failed": n_failed}
        list(self._each("batch_finished", config, {k: lambda v=v: v for k, v in given.items()}))  # type: ignore[misc]

    def deliver(self, path: Path, sheet: Path | None, config: RunConfig) -> list[str]:
        """Let every sink put the report elsewhere; the addresses they name."""
        return [
            str(a)
            for a in self._each("report_sink", config, {"path": lambda: path, "sheet": lambda: sheet})
            if a
        ]

    def resolve(self, uri: str, folder: Path, config: RunConfig) -> Path | None:
        """The local file of the first package that knows `uri`."""
        given: dict[str, Callable[[], Any]] = {"uri": lambda: uri, "folder": lambda: folder}
        return next((Path(found) for found in self._each("asset_resolver", config, given) if found), None)

    def measures(self, config: RunConfig) -> tuple[ExtraMeasure, ...]:
        """Measures of all packages, asked for once; from then on rules may name them."""
        if self._measures is None:
            given = list(self._each("register_measures", config, {}))
            extra = [each for offered in given for each in self._checked(offered, config)]
            MEASURES.update({each.name: each.measure for each in extra})
            self._measures = tuple(sorted(extra, key=lambda each: each.name))
        return self._measures

    def take(
        self, extra: ExtraMeasure, call: Callable[[], float | None], config: RunConfig
    ) -> tuple[float | None, str]:
        """One extra measure: the number and "", or None and why it could not be taken."""
        name = extra.name
        if ("measure", name) in self._benched:
            return None, "its function did not return"
        try:
            value = guarded(lambda: _number(call()), owner=name, timeout_s=config.hook_timeout_s)
        except HookFailure as failure:
            self._fail("measure", name, failure, config)
            return None, f"its function {failure}"
        if value is None:
            return None, "its function could not tell"
        if not extra.low <= value <= (math.inf if extra.high is None else extra.high) or math.isinf(value):
            return None, f"its function gave {value:g}, outside its range"
        return value, ""

    def _each(self, hook: str, config: RunConfig, given: Mapping[str, Callable[[], Any]]) -> Iterator[Any]:
        """Values of all implementations; arguments are made anew for each. Failures go by policy."""
        for name, why in self._broken.items():
            self._fail("entry point", name, HookFailure(why), config)
        self._broken.clear()
        for impl in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            owner = impl.plugin_name
            if (hook, owner) in self._benched:
                continue
            arguments = [given[argument]() for argument in impl.argnames]
            try:
                yield guarded(lambda: impl.function(*arguments), owner=owner, timeout_s=config.hook_timeout_s)  # noqa: B023 - called before the next turn
            except HookFailure as failure:
                self._fail(hook, owner, failure, config)

    def _fail(self, hook: str, owner: str, failure: HookFailure, config: RunConfig) -> None:
        if failure.hung:  # waiting again for every asset would stop the scan in effect
            self._benched.add((hook, owner))
        text = f"hook {hook} of {owner} {failure}"
        if config.on_hook_error == "fail":
            raise HookError(f"{text}; repair or uninstall it, or set on_hook_error to warn") from failure
        self.warnings.append(text)
        log.warning("%s", text)

    def _checked(self, offered: object, config: RunConfig) -> Iterator[ExtraMeasure]:
        """What was offered as measures, without those that would lie or hide one of ours."""
        for each in offered if isinstance(offered, (list, tuple)) else [offered]:
            if not isinstance(each, ExtraMeasure):
                why = f"offered {type(each).__name__} where ExtraMeasure was expected"
            elif not _NAME.fullmatch(each.name):
                why = f"names a measure `{each.name[:64]}`; use a-z, 0-9 and _"
            elif each.name in MEASURES:
                why = f"offers `{each.name}`, which exists already"
            elif each.unit not in UNITS:
                why = f"measures `{each.name}` in `{each.unit}`; use one of {', '.join(UNITS)}"
            elif not _is_sayable(each.measure.says):
                why = f"says `{each.name}` as `{each.says[:64]}`; write `{{value}}` in it, and no other field"
            else:
                yield each
                continue
            self._fail("register_measures", "a package", HookFailure(why), config)


def _is_sayable(says: str) -> bool:
    """Whether a sentence can be made of it: it holds `{value}`, as it is, and no other field."""
    try:
        fields = {tuple(field) for _, *field in Formatter().parse(says) if field[0] is not None}
    except ValueError:
        return False
    return fields == {("value", "", None)}


def _number(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]  # what it is not, it raises


@lru_cache(maxsize=1)
def packages() -> Packages:
    """The installed packages of the entry-point group `qc_plugin`, loaded once a process."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    broken = {}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.name):
        try:
            loaded = guarded(point.load, owner=point.name, timeout_s=30.0)
            # A class must be made an instance, or its methods would be called without `self`.
            manager.register(loaded() if isinstance(loaded, type) else loaded, name=point.name)
            manager.check_pending()
        except (HookFailure, pluggy.PluginValidationError, ValueError, TypeError) as error:
            broken[point.name] = f"cannot be loaded: {error}"
    return Packages(manager, broken)
