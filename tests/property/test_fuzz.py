"""What strangers and hosts hand us as text or bytes: an answer or our own error, never anything else."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qc_plugin.errors import QcError
from qc_plugin.host.event import parse_event
from qc_plugin.report.read import read_meta, read_report
from qc_plugin.resources import shipped
from qc_plugin.rulesets.ruleset import load_rules

GOLDEN = Path(__file__).resolve().parents[1] / "golden/report-qc.frames-1.parquet"
RULES = shipped("rules", "default.yaml").read_text(encoding="utf-8")
EVENT = '{"schema":"qc.event/1","id":"1","event":"asset.ingested","asset":{"id":"a","uri":"/a.mp4"}}'
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def mutated(text):
    """`text` with a few stretches cut, doubled or replaced."""
    piece = st.sampled_from(
        ["", "!!python/object:os.system ", "&a ", "*a", "{", "}", "[", ": ", "- ", "\t", "\0"]
    )
    edits = st.tuples(st.integers(0, len(text)), st.integers(0, 40), piece)
    return st.lists(edits, min_size=1, max_size=5).map(lambda all_edits: _edit(text, all_edits))


def _edit(text, edits):
    for at, n, piece in edits:
        text = text[:at] + piece + text[at + n :]
    return text


@QUICK
@given(text=mutated(RULES) | st.text(max_size=300))
def test_34_rules(tmp_path, text):
    file = tmp_path / "rules.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(QcError):
        load_rules(file)


@QUICK
@given(text=mutated(EVENT) | st.text(max_size=300))
def test_57_events(text):
    with suppress(QcError):
        parse_event(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("seed", range(4))
def test_47_torn_reports(tmp_path, seed):
    rng, data, file = random.Random(seed), GOLDEN.read_bytes(), tmp_path / "r.parquet"
    for _ in range(30):
        flipped = bytearray(data[: rng.choice([len(data), rng.randrange(len(data))])])
        for _ in range(rng.randint(0, 8)):
            flipped[rng.randrange(len(flipped))] = rng.randrange(256)
        file.write_bytes(flipped)
        with suppress(QcError):
            read_meta(file)
            read_report(file)
