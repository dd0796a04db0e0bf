"""Dagster: an asset whose checks are the rules, reported through Pipes by an external process.

The external process (`dagster_pipes_script.py`) needs the small package `dagster-pipes` and `qc_host.py`;
qc-plugin itself may live in an environment of its own (QC_PLUGIN_COMMAND).
"""

# No `from __future__ import annotations`: Dagster reads the annotations of an asset's function.
import sys
from pathlib import Path

import dagster as dg

SCRIPT = Path(__file__).with_name("dagster_pipes_script.py")
# One check a rule of the rule set in use: `qc-plugin rules show default` lists them.
RULES = ("face-motion-blur", "hand-motion-blur", "frame-motion-blur", "exposure")


class Video(dg.Config):
    """Which file to check, and where reports go."""

    uri: str
    reports: str = "qc-reports"


@dg.asset(check_specs=[dg.AssetCheckSpec(name=rule.replace("-", "_"), asset="video") for rule in RULES])
def video(
    context: dg.AssetExecutionContext, config: Video, pipes: dg.PipesSubprocessClient
) -> dg.MaterializeResult:
    """Check one video; the metadata hold verdict, report and sheet."""
    invocation = pipes.run(
        command=[sys.executable, str(SCRIPT)],
        context=context,
        extras={"uri": config.uri, "reports": config.reports, "rules": list(RULES), "id": context.run_id},
    )
    return invocation.get_materialize_result()


defs = dg.Definitions(assets=[video], resources={"pipes": dg.PipesSubprocessClient()})
