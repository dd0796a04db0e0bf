"""The process behind `dagster_asset.py`: asks qc-plugin, and reports each rule as an asset check."""

from __future__ import annotations

from dagster_pipes import PipesContext, open_dagster_pipes
from qc_host import asset_event, call

SEVERITY = {"error": "ERROR", "warning": "WARN", "info": "WARN"}  # Dagster knows two


def main() -> None:
    """Ask, then report a materialisation and one check per rule."""
    with open_dagster_pipes() as pipes:
        asked = asset_event(pipes.get_extra("uri"), pipes.get_extra("id"), reports=pipes.get_extra("reports"))
        result = call(asked, tell=lambda p: pipes.log.info(f"{p['done']:.0%} {p['stage']}"))
        if result["verdict"] == "error":
            raise RuntimeError(result["error"]["text"])
        report(pipes, result)


def report(pipes: PipesContext, result: dict) -> None:
    """A rule without a reason against the asset has passed; one that was skipped says so in the report."""
    metadata = {name: result[name] for name in ("verdict", "report", "sheet") if result.get(name)}
    pipes.report_asset_materialization(metadata=metadata)
    for rule in pipes.get_extra("rules"):
        against = [reason for reason in result["reasons"] if reason["rule"] == rule]
        pipes.report_asset_check(
            check_name=rule.replace("-", "_"),
            passed=not any(reason["outcome"] == "fail" for reason in against),
            severity=SEVERITY[against[0]["severity"]] if against else "ERROR",
            metadata={"reasons": "\n".join(reason["text"] for reason in against) or "none"},
        )


if __name__ == "__main__":
    main()
