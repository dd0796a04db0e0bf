"""Scanning with a worker that decodes nothing: order, resuming, budgets, deaths, the ledger."""

import json
import os
import sqlite3

import pytest

from qc_plugin.batch import pool, run
from qc_plugin.batch.ledger import Ledger, LedgerEntry
from qc_plugin.batch.plan import Shard
from qc_plugin.batch.rebuild import rebuild
from qc_plugin.batch.run import ScanOptions, scan
from qc_plugin.batch.shard_manifest import manifest_path, read_manifest
from qc_plugin.config import RunConfig
from qc_plugin.errors import TemporaryError, UsageError
from qc_plugin.files import sweep
from tests.faults import stub_worker
from tests.faults.stub_worker import asset


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "run_isolated", stub_worker.in_process)
    return RunConfig(reports=tmp_path / "out", sheet=False, stills=False, jobs=1, rules="artwork")


@pytest.fixture
def with_workers(config, monkeypatch):
    monkeypatch.setattr(run, "run_isolated", pool.run_isolated)
    monkeypatch.setattr(pool, "serve", stub_worker.serve)


@pytest.fixture
def folder(tmp_path):
    for n in range(4):
        asset(tmp_path / f"in/{n}.png")
    return tmp_path / "in"


def paths_of(result):
    return [outcome.path.rsplit("/", 1)[1] for outcome in result.outcomes]


def test_a_second_scan_does_nothing_and_since_last_is_silent(config, folder):
    first = scan([folder], config)
    assert paths_of(first) == ["0.png", "1.png", "2.png", "3.png"]
    assert (first.exit_code, first.n_reused, first.verdicts["accept"]) == (0, 0, 4)
    again = scan([folder], config)
    assert again.n_reused == 4
    asset(folder / "1.png", text="other bytes")
    asset(folder / "new.png")
    news = scan([folder], config, options=ScanOptions(since_last=True))
    assert paths_of(news) == ["1.png", "new.png"]
    assert len(list(config.reports.rglob("*.parquet"))) == 6


def test_a_lost_report_is_noticed_and_a_lost_ledger_costs_no_decode(config, folder):
    done = scan([folder], config)
    done.outcomes[0].report.unlink()
    assert scan([folder], config).n_reused == 3
    (config.reports / "_ledger.sqlite").unlink()
    again = scan([folder], config)
    assert again.n_reused == 4  # hashed, and their reports found


def test_rebuilt_from_reports_it_is_the_same_but_for_the_states(config, folder):
    scan([folder], config, options=ScanOptions(shard=Shard(0, 1)))
    file = config.reports / "_ledger.sqlite"
    (config.reports / "schema=1/.tmp-left").parent.mkdir(exist_ok=True)
    (config.reports / "schema=1/.tmp-left").touch()
    done = rebuild(config, file)
    assert (done.n_assets, done.n_reports, done.n_swept, done.unreadable) == (4, 4, 1, [])
    assert scan([folder], config).n_reused == 4
    next(config.reports.rglob("*.parquet")).write_bytes(b"torn")
    assert len(rebuild(config, file).unreadable) == 1
    assert scan([folder], config).verdicts["accept"] == 4


def test_shards_are_disjoint_whole_and_named_by_manifests_that_a_rebuild_folds_in(config, folder):
    seen = []
    for index in range(3):
        shard = Shard(index, 3)
        ledger = config.reports.parent / f"ledger-{index}.sqlite"
        seen += paths_of(scan([folder], config, options=ScanOptions(shard=shard, ledger=ledger)))
        head, *rows = read_manifest(manifest_path(config.reports, shard))
        assert head["complete"]
        assert head["assets"] == len(rows)
    assert sorted(seen) == ["0.png", "1.png", "2.png", "3.png"]
    rebuild(config, config.reports / "_ledger.sqlite")
    with Ledger(config.reports / "_ledger.sqlite") as ledger:
        assert all(entry.state for entry in ledger.entries())
    for wrong in ("3/3", "a/2", "1", "-1/2"):
        with pytest.raises(UsageError, match="INDEX/COUNT"):
            Shard.parse(wrong)


def test_limit_and_budget_leave_the_rest_for_later(config, folder):
    part = scan([folder], config, options=ScanOptions(limit=3))
    assert (len(part.outcomes), part.n_left, part.exit_code) == (3, 1, 0)
    assert "limit" in part.stopped
    none = scan([folder], config, options=ScanOptions(since_last=True, budget_s=0.0))
    assert (none.stopped, none.n_left) == ("--budget", 1)
    assert scan([folder], config, options=ScanOptions(since_last=True)).n_left == 0


def test_a_worker_that_dies_costs_its_asset_alone(with_workers, config, folder):
    asset(folder / "once.png", "once")
    asset(folder / "poison.png", "die")
    asset(folder / "zz.png")
    result = scan([folder], config)
    assert result.verdicts == {"accept": 6, "error": 1}
    (poison,) = [o for o in result.outcomes if o.verdict == "error"]
    assert (poison.exit_code, poison.error_class) == (22, "Quarantined")
    assert poison.path.endswith("poison.png")
    assert result.exit_code == 22
    again = scan([folder], config)
    assert (again.n_reused, again.exit_code) == (7, 22)  # in quarantine until its content changes


def test_a_bug_is_tried_again_and_named(config, folder):
    asset(folder / "bug.png", "bug")
    assert scan([folder], config).codes == {70: 1}
    again = scan([folder], config)
    assert (again.n_reused, again.exit_code) == (4, 70)


def test_a_hanging_worker_is_killed(with_workers, config, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "STALL_S", 1.0)
    result = scan([asset(tmp_path / "hang.png", "long")], config)
    assert result.codes == {22: 1}


def test_links_out_of_the_folder_are_refused_and_links_within_are_not(config, folder, tmp_path):
    secret = asset(tmp_path / "secret.png")
    (folder / "out.png").symlink_to(secret)
    (folder / "in.png").symlink_to(folder / "0.png")
    result = scan([folder], config)
    (refused,) = [o for o in result.outcomes if o.verdict == "error"]
    assert (refused.exit_code, refused.path.rsplit("/", 1)[1]) == (20, "out.png")
    assert "leads out" in refused.sentence
    assert scan([folder / "out.png"], config).verdicts == {"accept": 1}  # named by hand


def test_a_torn_ledger_is_set_aside_and_a_newer_one_refused(config, folder):
    scan([folder], config)
    file = config.reports / "_ledger.sqlite"
    file.write_bytes(os.urandom(8192))
    assert scan([folder], config).n_reused == 4
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(UsageError, match="newer"):
        scan([folder], config)


# What version 1 wrote.
VERSION_1 = """
CREATE TABLE assets (
    path BLOB PRIMARY KEY, state TEXT, asset_id TEXT NOT NULL, kind TEXT NOT NULL,
    measures TEXT NOT NULL, settings TEXT NOT NULL, verdict TEXT NOT NULL, exit_code INTEGER NOT NULL,
    sentence TEXT NOT NULL, incomplete INTEGER NOT NULL, degraded INTEGER NOT NULL, report TEXT,
    bytes INTEGER NOT NULL, seconds REAL NOT NULL, attempts INTEGER NOT NULL, run INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX by_asset ON assets (asset_id);
CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, ended TEXT);
PRAGMA user_version = 1;
"""


def as_version_1(file):
    """Write the ledger at `file` as version 1 had it."""
    now = sqlite3.connect(file)
    assets, runs = (now.execute(f"SELECT * FROM {table}").fetchall() for table in ("assets", "runs"))
    now.close()
    file.unlink()
    old = sqlite3.connect(file)
    old.execute("PRAGMA journal_mode = WAL")
    old.executescript(VERSION_1)
    old.executemany(f"INSERT INTO assets VALUES ({','.join('?' * 16)})", assets)
    old.executemany("INSERT INTO runs VALUES (?,?)", runs)
    old.commit()
    old.close()


def test_a_ledger_of_version_1_goes_on_as_it_is(config, folder):
    scan([folder], config)
    file = config.reports / "_ledger.sqlite"
    with Ledger(file) as ledger:
        before = list(ledger.entries())
    as_version_1(file)
    with Ledger(file) as ledger:
        assert list(ledger.entries()) == before
        plan = run.plan_scan([folder], config, ScanOptions(), ledger)
    assert (plan.counts["done"], plan.n_todo) == (4, 0)
    as_version_1(file)
    again = scan([folder], config)
    assert (again.n_reused, again.exit_code) == (4, 0)
    with sqlite3.connect(file) as db:
        names = {row[1] for row in db.execute("PRAGMA table_info(assets)")}
    db.close()
    assert {"measure_key", "judge_key"} < names
    assert not {"measures", "settings"} & names


def test_a_manifest_of_before_is_folded_in(config, folder):
    scan([folder], config, options=ScanOptions(shard=Shard(0, 1)))
    shard = Shard(0, 3)
    scan([folder], config, options=ScanOptions(shard=shard))
    manifest = manifest_path(config.reports, shard)
    text = manifest.read_text(encoding="utf-8")
    assert '"judge_key"' in text
    old = text.replace('"judge_key"', '"settings"').replace('"measure_key"', '"measures"')
    manifest.write_text(old.replace("qc.shard/2", "qc.shard/1"), encoding="utf-8")
    done = rebuild(config, config.reports / "_ledger.sqlite")
    assert done.unreadable == []
    n_named = len(text.splitlines()) - 1
    assert n_named > 0
    with Ledger(config.reports / "_ledger.sqlite") as ledger:
        assert sum(bool(entry.state) for entry in ledger.entries()) == n_named


def test_a_ledger_on_a_network_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("qc_plugin.batch.ledger._filesystem_of", lambda _folder: "nfs4")
    with pytest.raises(UsageError, match="--ledger"):
        Ledger(tmp_path / "_ledger.sqlite")


def test_a_locked_ledger_is_worth_another_try(tmp_path, monkeypatch):
    monkeypatch.setattr("qc_plugin.batch.ledger._BUSY_S", 0.1)
    with Ledger(tmp_path / "l.sqlite") as one, Ledger(tmp_path / "l.sqlite") as two:
        one._db.execute("BEGIN IMMEDIATE")
        with pytest.raises(TemporaryError, match="run again"):
            two.begin_run()


def test_names_that_are_no_text_and_names_that_are_hostile(config, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    names = [
        b"\xff\xfe.png",
        b"-rf.png",
        b"new\nline.png",
        "\N{GRINNING FACE}\N{RIGHT-TO-LEFT OVERRIDE}.png".encode(),
        b"CON.png",
        b"=1+1.png",
    ]
    for name in names:
        (folder / os.fsdecode(name)).write_bytes(stub_worker.MAGIC + b"ok " + name)
    assert scan([folder], config).verdicts == {"accept": 6}
    assert scan([folder], config).n_reused == 6
    assert all(p.is_relative_to(config.reports) for p in config.reports.rglob("*.parquet"))
    assert not [p for p in config.reports.rglob("*") if not p.name.isascii()]


def test_the_sweep_leaves_a_writer_at_work_alone(tmp_path):
    import fcntl

    (tmp_path / ".tmp-old").touch()
    with (tmp_path / ".tmp-live").open("wb") as live:
        fcntl.flock(live, fcntl.LOCK_EX)
        assert sweep(tmp_path) == 1
    assert [p.name for p in tmp_path.iterdir()] == [".tmp-live"]


def test_new_rules_judge_stored_measures_where_only_numbers_are_wanted(config, folder):
    scan([folder], config)
    other = config.model_copy(update={"rules": "default"})
    result = scan([folder], other)
    assert result.verdicts.total() == 4
    assert len(list(config.reports.rglob("*.parquet"))) == 8
    assert len({o.report for o in result.outcomes}) == 4


def test_a_plan_counts_by_reason_and_estimates_by_what_others_took(config, folder):
    scan([folder], config)
    with Ledger(config.reports / "_ledger.sqlite") as ledger:
        assert ledger.cost()["artwork"][1] > 0
        asset(folder / "new.png")
        plan = run.plan_scan([folder], config, ScanOptions(), ledger)
        other = config.model_copy(update={"rules": "default"})
        by_rules = run.plan_scan([folder], other, ScanOptions(), ledger)
    assert (plan.counts["new"], plan.counts["done"]) == (1, 4)
    assert plan.estimated_s({"video": (10.0, 100)}, jobs=2) == pytest.approx(plan.n_bytes["new"] * 0.05)
    assert by_rules.counts["rules"] == 4
    assert next(by_rules.todo()).reason == "new"


def test_outcomes_go_to_the_ledger_with_what_they_cost(tmp_path):
    entry = LedgerEntry(
        path="/a", state="1", asset_id="x", kind="video", measure_key="m", judge_key="j", verdict="accept"
    )
    with Ledger(tmp_path / "l.sqlite") as ledger:
        number = ledger.begin_run()
        ledger.remember([entry])
        assert ledger.known(["/a", "/b"]) == {"/a": entry}
        assert ledger.last_run() == (number, None)
        ledger.end_run(number, "done")
        assert ledger.last_run() == (number, "done")
        assert json.dumps(ledger.counts()) == '[["accept", 0, 1]]'
