"""Airflow 3: check an asset when it arrives, then branch by its verdict.

Put this file and `qc_host.py` into the DAG folder; install qc-plugin into an environment of its own, named
in QC_PLUGIN_COMMAND. Trigger with `{"uri": "s3://in/show.mov", "reports": "/mnt/qc"}`.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import dag, get_current_context, task

sys.path.insert(0, str(Path(__file__).parent))
from qc_host import NotAnswered, asset_event, call


@dag(schedule=None, params={"uri": "", "reports": "qc-reports"}, catchup=False)
def qc_on_ingest() -> None:
    """Check, then publish, ask a person, or send back."""

    @task(retries=2, retry_delay=timedelta(seconds=1), execution_timeout=timedelta(hours=1))
    def check() -> dict[str, Any]:
        context = get_current_context()
        params = context["params"]
        # The run, not the try: a retry must ask the same question, so that finished work is not done again.
        event = asset_event(params["uri"], f"airflow/{context['dag_run'].run_id}", reports=params["reports"])
        try:
            result = call(event, tell=lambda p: print(f"{p['done']:.0%} {p['stage']}"))
        except NotAnswered as error:
            raise (AirflowException if error.retryable else AirflowFailException)(str(error)) from error
        if result["retryable"]:
            raise AirflowException(result.get("error", {}).get("text", "incomplete; trying again"))
        return {name: result.get(name) for name in ("verdict", "report", "sheet", "reasons", "error")}

    @task.branch
    def route(result: dict[str, Any]) -> str:
        return {"accept": "publish", "review": "ask_a_person"}.get(result["verdict"], "send_back")

    @task
    def publish() -> None:
        """What your pipeline does with a good asset."""

    @task
    def ask_a_person() -> None:
        """Open the sheet for somebody."""

    @task
    def send_back() -> None:
        """Tell the vendor, with the reasons."""

    route(check()) >> [publish(), ask_a_person(), send_back()]


qc_on_ingest_dag = qc_on_ingest()
