"""Catalogues and reports in a store: what a scan lists, copies, puts and leaves behind."""

import shutil
from pathlib import Path

import pytest

from qc_plugin.batch.ledger import Ledger
from qc_plugin.batch.plan import Shard
from qc_plugin.batch.rebuild import rebuild
from qc_plugin.batch.run import ScanOptions, check, ledger_file, scan
from qc_plugin.config import RunConfig
from qc_plugin.errors import ConfigError, UsageError
from qc_plugin.report.read import read_meta
from qc_plugin.store.address import Address, place_of
from tests.faults.stub_worker import asset
from tests.support.object_store import error

HOSTILE = [
    "../../etc/passwd.png",
    "a//b.png",
    "a/./b.png",
    "-rf.png",
    "tab\t.png",
    "ü ?#%41+&.png",
    "s3://x.png",
    " ",
]


def reports(bucket):
    return [key for key in bucket.keys("reports/") if key.endswith(".parquet")]


def local_files(config):
    """What is left in the folder before the store, but the ledger and the manifest."""
    found = [p for p in config.reports.rglob("*") if p.is_file()]
    return [p for p in found if not p.name.startswith("_ledger.sqlite") and p.parent.name != "_manifests"]


def test_a_prefix_is_scanned_and_nothing_stays_here(bucket, config):
    for key in ("in/a.png", "in/b/c.png", "in/.hidden/x.png", "in/notes.txt", "in/folder/", "inside.png"):
        bucket.put(key)
    result = scan([place_of(f"s3://{bucket.name}/in")], config)
    assert [o.path for o in result.outcomes] == [f"s3://{bucket.name}/in/{k}" for k in ("a.png", "b/c.png")]
    assert result.verdicts == {"accept": 2}
    assert result.left_out == {"no_media": 1, "hidden": 1}
    assert sorted(o.address for o in result.outcomes) == [
        f"s3://{bucket.name}/{key}" for key in reports(bucket)
    ]
    assert local_files(config) == []


def test_a_second_scan_asks_for_the_listing_alone(bucket, config, way):
    for n in range(3):
        bucket.put(f"in/{n}.png")
    place = place_of(f"s3://{bucket.name}/in/")
    scan([place], config)
    way.requests.clear()
    again = scan([place], config)
    assert (again.n_reused, way.count("GET", "/in/"), way.count("GET", "/reports/")) == (3, 0, 0)
    assert all(o.address for o in again.outcomes)
    bucket.put("in/1.png", text="replaced")
    news = scan([place], config, options=ScanOptions(since_last=True))
    assert [o.path for o in news.outcomes] == [f"s3://{bucket.name}/in/1.png"]
    assert len(reports(bucket)) == 4


def test_reports_beside_the_assets_are_not_scanned(bucket, config):
    bucket.put("a.png")
    bucket.put("reports/_stills/x/01.png")
    assert scan([place_of(f"s3://{bucket.name}")], config).verdicts == {"accept": 1}


def test_hostile_keys_are_names_and_nothing_else(bucket, config, tmp_path):
    for n, key in enumerate(HOSTILE):
        bucket.put(key, text=str(n))
    result = scan([place_of(f"s3://{bucket.name}/")], config)
    assert sorted(o.path for o in result.outcomes) == sorted(f"s3://{bucket.name}/{key}" for key in HOSTILE)
    assert result.verdicts == {"accept": len(HOSTILE)}
    assert all(key.startswith("reports/schema=") for key in reports(bucket))
    state = config.reports.parent.parent.parent
    assert [p for p in tmp_path.iterdir() if p != state] == []
    assert local_files(config) == []
    assert scan([place_of(f"s3://{bucket.name}/")], config).n_reused == len(HOSTILE)


def test_a_second_machine_finds_reports_by_content_or_by_rebuilding_the_ledger(bucket, config, way):
    for n in range(3):
        bucket.put(f"in/{n}.png")
    place = place_of(f"s3://{bucket.name}/in")
    scan([place], config)
    shutil.rmtree(config.reports)  # another machine
    assert scan([place], config).n_reused == 3  # copied and hashed, not decoded
    assert len(reports(bucket)) == 3
    shutil.rmtree(config.reports)
    way.requests.clear()
    done = rebuild(config, ledger_file(config))
    assert (done.n_reports, done.n_assets, done.unreadable) == (3, 3, [])
    assert way.count("GET", "/reports/schema") == 0  # the manifest knew them all
    assert scan([place], config).n_reused == 3
    assert way.count("GET", "/in/") == 0


def test_rebuilding_believes_no_manifest_about_reports_that_are_gone_and_reads_those_it_does_not_name(
    bucket, config
):
    for n in range(3):
        bucket.put(f"in/{n}.png")
    place = place_of(f"s3://{bucket.name}/in")
    scan([place], config)
    lost, *_ = reports(bucket)
    bucket.s3.delete_object(Bucket=bucket.name, Key=lost)
    assert rebuild(config, ledger_file(config)).n_assets == 2
    assert scan([place], config).n_reused == 2
    bucket.s3.delete_object(Bucket=bucket.name, Key="reports/_manifests/shard-00000-of-00001.jsonl")
    again = rebuild(config, ledger_file(config))
    assert (again.n_reports, again.n_assets) == (3, 3)
    assert local_files(config) == []
    with Ledger(ledger_file(config)) as ledger:
        assert {entry.path for entry in ledger.entries()} == {
            f"s3://{bucket.name}/in/{n}.png" for n in range(3)
        }


def test_shards_are_disjoint_and_put_their_manifests(bucket, config):
    for n in range(6):
        bucket.put(f"in/{n}.png")
    place = place_of(f"s3://{bucket.name}/in")
    parts = [scan([place], config, options=ScanOptions(shard=Shard(n, 2))) for n in range(2)]
    seen = [o.path for part in parts for o in part.outcomes]
    assert len(seen) == len(set(seen)) == 6
    assert len(bucket.keys("reports/_manifests/")) == 2


def test_an_asset_in_error_is_replaced_by_its_report_and_not_the_other_way_round(bucket, config, monkeypatch):
    bucket.put("in/a.png", "bug")
    place = place_of(f"s3://{bucket.name}/in")
    assert scan([place], config).codes == {70: 1}
    (key,) = reports(bucket)
    monkeypatch.setitem(stub_acts(), "bug", lambda *_: None)
    assert scan([place], config).verdicts == {"accept": 1}
    assert reports(bucket) == [key]
    good = bucket.get(key)
    monkeypatch.setitem(stub_acts(), "bug", fail)
    shutil.rmtree(config.reports)
    assert scan([place], config).n_reused == 1
    assert bucket.get(key) == good


def stub_acts():
    from tests.faults import stub_worker

    return stub_worker._ACTS


def fail(*_):
    raise ValueError("a bug of ours")


def test_a_report_of_another_asset_at_our_place_is_not_touched(bucket, config):
    bucket.put("in/a.png")
    bucket.put("in/b.png")
    place = place_of(f"s3://{bucket.name}/in")
    scan([place], config)
    a, b = reports(bucket)
    stranger = bucket.get(b)
    bucket.s3.put_object(Bucket=bucket.name, Key=a, Body=stranger)
    shutil.rmtree(config.reports)
    with pytest.raises(UsageError, match="another asset or key"):
        scan([place], config)
    assert bucket.get(a) == stranger


def test_too_large_an_object_is_refused_before_a_byte_of_it(bucket, config, way, monkeypatch):
    from qc_plugin.asset import fetched as spool

    bucket.put("in/a.png")
    strict = spool.PROFILES["default"]
    monkeypatch.setattr(type(strict), "max_bytes", lambda *_: 10)
    result = scan([place_of(f"s3://{bucket.name}/in")], config)
    assert result.codes == {21: 1}
    assert way.count("GET", "/in/a.png") == 0


def test_no_room_for_the_copy_is_a_matter_of_later(bucket, config, monkeypatch):
    from qc_plugin.asset import fetched as spool

    bucket.put("in/a.png")
    monkeypatch.setattr(spool, "RESERVE_BYTES", 1 << 60)
    result = scan([place_of(f"s3://{bucket.name}/in")], config)
    assert (result.exit_code, reports(bucket)) == (75, [])
    assert "no room" in result.outcomes[0].sentence


def test_from_a_store_to_a_folder_and_from_a_folder_to_a_store(bucket, config, tmp_path):
    from tests.faults.stub_worker import asset

    bucket.put("in/a.png")
    here = RunConfig(reports=tmp_path / "out", sheet=False, stills=False, jobs=1, rules="artwork")
    (outcome,) = scan([place_of(f"s3://{bucket.name}/in")], here).outcomes
    assert read_meta(outcome.report)["asset"]["uri"] == f"s3://{bucket.name}/in/a.png"
    asset(tmp_path / "media/b.png")
    (outcome,) = scan([tmp_path / "media"], config).outcomes
    assert outcome.address.removeprefix(f"s3://{bucket.name}/") in reports(bucket)


def test_what_is_not_there_is_said(bucket, config):
    with pytest.raises(UsageError, match="no such object"):
        check(Address(bucket.name, "absent.png"), config)
    with pytest.raises(UsageError, match="NoSuchBucket"):
        scan([place_of("s3://no-such-bucket-here/x")], config)
    with pytest.raises(UsageError, match=r"absent\.png: no such object or folder; check bucket and key"):
        scan([place_of(f"s3://{bucket.name}/absent.png")], config)


def test_row_23_a_prefix_that_lost_all_its_objects_is_loud_and_forgets_nothing(bucket, config):
    bucket.put("in/a.png")
    place = place_of(f"s3://{bucket.name}/in")
    scan([place], config)
    bucket.s3.delete_object(Bucket=bucket.name, Key="in/a.png")
    result = scan([place], config)
    assert (result.exit_code, [each.kind for each in result.skipped]) == (75, ["empty"])
    assert "is it mounted?" in result.skipped[0].text
    allowed = scan([place], config, options=ScanOptions(allow_empty=True))
    assert (allowed.exit_code, allowed.n_gone) == (0, 1)


def test_row_22_leftovers_of_media_servers_in_a_store(bucket, config):
    for key in ("in/@eaDir/x.png", "in/a.nfo", "in/a.mkv.part", "in/a.png", "in/@eaDir.png"):
        bucket.put(key)
    result = scan([place_of(f"s3://{bucket.name}/in")], config)
    assert [Path(o.path).name for o in result.outcomes] == ["@eaDir.png", "a.png"]
    assert result.left_out == {"system": 1, "no_media": 1, "unfinished": 1}


def test_row_04_a_closed_prefix_is_named_and_the_rest_goes_on(bucket, config, way, tmp_path):
    asset(tmp_path / "media/b.png")
    way.fail("GET", f"/{bucket.name}", error(403, "AccessDenied"))  # the listing
    result = scan([place_of(f"s3://{bucket.name}/closed"), tmp_path / "media"], config)
    assert result.verdicts == {"accept": 1}
    assert (result.exit_code, [str(each.path) for each in result.skipped]) == (
        75,
        [f"s3://{bucket.name}/closed"],
    )
    assert "access refused" in result.skipped[0].text


@pytest.mark.parametrize("text", ["s3://", "s3:///key", "s3://bad bucket/x", "s3://../x"])
def test_an_address_needs_a_bucket(text):
    with pytest.raises(UsageError, match="s3://bucket/key"):
        place_of(text)
    with pytest.raises((ConfigError, ValueError), match="s3://bucket/prefix"):
        RunConfig(reports=text)


def test_reports_of_a_store_have_a_folder_of_their_own_here(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one, same, other = (RunConfig(reports=f"s3://bucket/{name}") for name in ("x", "x/", "y"))
    assert one.reports == same.reports != other.reports
    assert one.reports.is_relative_to(tmp_path)
    assert place_of("s3:/b/x") == Path("s3:/b/x")
