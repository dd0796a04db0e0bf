"""What a report file says about the whole asset: JSON under `qc.` keys in the Parquet file metadata."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, TypeVar

from qc_plugin.report.rows import finding_of, finding_struct
from qc_plugin.report.schema import SCHEMA_VERSION
from qc_plugin.report.text import plain_text, without_secrets
from qc_plugin.types import DECISION_ORDER, Asset, AssetReport, Coverage, EngineUse, MediaInfo, Provenance
from qc_plugin.types.measures import Measure
from qc_plugin.types.summary import EXCLUDED, count_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.types import FrameRow

PREFIX = "qc."
_T = TypeVar("_T")


def encode_meta(report: AssetReport) -> dict[str, str]:
    """The file metadata of `report`. Sorted keys: equal reports must give equal bytes."""
    return {
        PREFIX + key: json.dumps(value, sort_keys=True, allow_nan=False)
        for key, value in _meta(report).items()
    }


def decode_meta(raw: Mapping[bytes, bytes]) -> dict[str, Any]:
    """`qc.` keys without their prefix, JSON decoded. Raises ValueError where it is not JSON."""
    prefix = PREFIX.encode()
    return {
        key.removeprefix(prefix).decode(): json.loads(value)
        for key, value in raw.items()
        if key.startswith(prefix)
    }


def report_of(meta: Mapping[str, Any], frames: tuple[FrameRow, ...]) -> AssetReport:
    """The report behind decoded metadata and rows. Stage seconds are not stored: they differ each run."""
    asset, flags, error = meta["asset"], meta["flags"], meta["error"] or {}
    media = asset["media"]
    return AssetReport(
        asset=Asset(id=asset["id"], path=asset["uri"], kind=asset["kind"]),
        verdict=meta["verdict"],
        media=_known(MediaInfo, _tuples(media)) if media else None,
        frames=frames,
        findings=tuple(finding_of(finding) for finding in meta["findings"]),
        funnel=meta["funnel"],
        coverage=_known(Coverage, meta["coverage"]),
        provenance=_provenance_of(meta["provenance"]),
        rules_text=meta["rules"]["text"],
        measures=tuple(_known(Measure, told) for told in meta.get("measures", ())),  # older reports have none
        error=error.get("text"),
        error_class=error.get("class"),
        exit_code=error.get("exit_code", 0),
        **{name: flags[name] for name in ("incomplete", "degraded", "repaired")},
    )


def _meta(report: AssetReport) -> dict[str, Any]:
    asset, provenance = report.asset, report.provenance
    media = _clean(dataclasses.asdict(report.media)) if report.media else None
    return {
        "schema": SCHEMA_VERSION,
        "asset": {
            "id": plain_text(asset.id),
            "uri": without_secrets(asset.path),
            "kind": asset.kind,
            "media": media,
        },
        "verdict": report.verdict,
        "flags": {name: getattr(report, name) for name in ("incomplete", "degraded", "repaired")},
        "decisions": _decisions(report),
        "coverage": _clean(
            {**_fields(report.coverage), "rules_skipped": dict(report.coverage.rules_skipped)}
        ),
        "funnel": _clean(dict(report.funnel)),
        "findings": [finding_struct(finding) for finding in report.findings],
        "provenance": _clean(dataclasses.asdict(provenance)),
        "rules": _clean(
            {"id": provenance.rules_id, "sha256": provenance.rules_sha256, "text": report.rules_text}
        ),
        "measures": [_clean(dataclasses.asdict(measure)) for measure in report.measures],
        "error": _error(report),
    }


def _error(report: AssetReport) -> dict[str, Any] | None:
    if report.error is None and report.error_class is None and report.exit_code == 0:
        return None
    return _clean_dict({"text": report.error, "class": report.error_class, "exit_code": report.exit_code})


def frames_of(meta: Mapping[str, Any]) -> dict[str, int]:
    """Judged frames by decision, and those left out by `excluded:<rule>`, from decoded metadata."""
    decisions = dict(meta.get("decisions") or {})
    left_out = {key: n for key, n in meta["funnel"].items() if key.startswith(EXCLUDED)}
    n_all = sum(decisions.values()) + sum(left_out.values())
    if left_out and n_all > meta["coverage"]["frames_scored"]:  # older reports count them as accepted
        decisions["accept"] -= sum(left_out.values())
    return {name: decisions.get(name, 0) for name in DECISION_ORDER} | left_out


def _decisions(report: AssetReport) -> dict[str, int]:
    """Judged frames per decision: known without reading a row. Those left out are in the funnel."""
    counts = count_frames(frame.judgement for frame in report.frames)
    return {decision: counts[decision] for decision in DECISION_ORDER}


def _fields(value: Coverage) -> dict[str, Any]:
    """Shallow `asdict`: a read-only mapping inside cannot be copied deeply."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _clean(value: Any) -> Any:
    """`value` with every text, keys as well, as valid Unicode."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        return _clean_dict(value)
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def _clean_dict(value: dict[str, Any]) -> dict[str, Any]:
    return {plain_text(key): _clean(item) for key, item in value.items()}


def _provenance_of(stored: Mapping[str, Any]) -> Provenance:
    engines = tuple(_known(EngineUse, engine) for engine in stored["engines"])
    return _known(Provenance, {**stored, "engines": engines})


def _known(cls: type[_T], stored: Mapping[str, Any]) -> _T:
    """A dataclass from the keys it knows: a later version may have written more."""
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return cls(**{name: value for name, value in stored.items() if name in names})


def _tuples(stored: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows lists only."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
