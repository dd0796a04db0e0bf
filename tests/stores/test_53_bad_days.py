"""Case 53: what a store does on a bad day. 5xx, slow, reset, 412, 409, checksums, an expired token."""

import boto3
import pytest

from qc_plugin.batch.run import scan
from qc_plugin.errors import LimitExceeded, TemporaryError, UsageError
from qc_plugin.store import s3 as s3_module
from qc_plugin.store.address import Address, place_of
from qc_plugin.store.s3 import S3
from tests.support.object_store import error

BUSY = [error(500, "InternalError"), error(503, "SlowDown"), error(503, "ServiceUnavailable")]


def put(bucket, key, data):
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=data)
    return Address(bucket.name, key)


def test_53_what_passes_is_waited_for(bucket, config, way):
    bucket.put("in/a.png")
    for act in BUSY:
        way.fail("GET", "/in/a.png", act)
        way.fail("PUT", "/reports/", act)
    way.fail("GET", f"/{bucket.name}", error(503, "SlowDown"))  # the listing
    assert scan([place_of(f"s3://{bucket.name}/in")], config).verdicts == {"accept": 1}
    assert way.faults == []


@pytest.mark.parametrize("where", ["GET", "PUT"])
def test_53_what_does_not_pass_is_75_and_done_next_time(bucket, config, way, where):
    bucket.put("in/a.png")
    place = place_of(f"s3://{bucket.name}/in")
    way.fail(where, "/in/a.png" if where == "GET" else "/reports/schema", error(503, "SlowDown"), times=8)
    result = scan([place], config)
    assert (result.exit_code, result.verdicts["accept"]) == (75, 0)
    assert "SlowDown" in result.outcomes[0].sentence
    assert not [key for key in bucket.keys("reports/") if key.endswith(".parquet")]
    way.faults.clear()
    assert scan([place], config).verdicts == {"accept": 1}


def test_53_a_body_that_breaks_off_is_read_on_from_there(bucket, way):
    data = bytes(range(256)) * 20_000
    address = put(bucket, "big.mov", data)
    way.fail("GET", "/big.mov", "break", times=2)
    assert b"".join(S3().chunks(address, max_bytes=1 << 30)) == data
    assert way.count("GET", "/big.mov") == 3


def test_53_a_body_that_breaks_off_for_ever_is_given_up(bucket, way):
    address = put(bucket, "big.mov", bytes(100_000))
    way.fail("GET", "/big.mov", "break", times=20)
    with pytest.raises(TemporaryError, match="breaks off"):
        list(S3().chunks(address, max_bytes=1 << 30))


def test_53_an_object_replaced_meanwhile_is_not_mixed(bucket, way):
    address = put(bucket, "a.mov", bytes(100_000))
    chunks = S3().chunks(address, max_bytes=1 << 30, etag=S3().find(address).etag)
    put(bucket, "a.mov", b"\1" * 100_000)
    with pytest.raises(TemporaryError, match="changed"):
        list(chunks)


def test_53_the_size_is_asked_before_the_body(bucket, way):
    address = put(bucket, "a.mov", bytes(1000))
    with pytest.raises(LimitExceeded):
        list(S3().chunks(address, max_bytes=999))


def test_53_one_of_many_writers_is_first(bucket, way):
    address = Address(bucket.name, "r.parquet")
    wins = [S3().put(address, f"writer {n}".encode(), kind="x/y") for n in range(4)]
    assert wins == [True, False, False, False]
    assert bucket.get("r.parquet") == b"writer 0"


def test_53_an_answer_that_got_lost_is_found_to_be_ours(bucket, config, way):
    bucket.put("in/a.png")
    way.fail("PUT", "/reports/schema", "lose")
    assert scan([place_of(f"s3://{bucket.name}/in")], config).verdicts == {"accept": 1}
    assert len([key for key in bucket.keys("reports/") if key.endswith(".parquet")]) == 1


def test_53_conflict_and_damage_on_the_way_are_tried_again(bucket, way):
    way.fail("PUT", "/r.parquet", error(409, "ConditionalRequestConflict"))
    way.fail("PUT", "/r.parquet", error(400, "BadDigest"))
    assert S3().put(Address(bucket.name, "r.parquet"), b"x", kind="x/y")
    way.fail("PUT", "/s.parquet", error(409, "ConditionalRequestConflict"), times=9)
    with pytest.raises(TemporaryError, match="ConditionalRequestConflict"):
        S3().put(Address(bucket.name, "s.parquet"), b"x", kind="x/y")


def test_53_a_store_without_conditions_gets_the_report_all_the_same(bucket, way):
    way.fail("PUT", "/r.parquet", error(501, "NotImplemented"))
    assert S3().put(Address(bucket.name, "r.parquet"), b"x", kind="x/y")
    assert bucket.get("r.parquet") == b"x"


def test_53_bytes_that_arrive_damaged_are_not_believed(bucket, way):
    bucket.s3.put_object(Bucket=bucket.name, Key="a.mov", Body=b"right", ChecksumAlgorithm="SHA256")
    with pytest.raises(TemporaryError, match="damaged"):
        list(_damaged(S3()).chunks(Address(bucket.name, "a.mov"), max_bytes=100))


def _damaged(store):
    """A connection on which the body of the next answer says that its checksum is wrong."""
    from botocore.exceptions import FlexibleChecksumError

    class Body:
        def iter_chunks(self, _n):
            yield b"wrong"
            raise FlexibleChecksumError(error_msg="expected another")

        def close(self):
            pass

    store._open = lambda *_: (Body(), "etag", 5)
    return store


@pytest.mark.parametrize(
    ("code", "kind"),
    [("ExpiredToken", TemporaryError), ("AccessDenied", TemporaryError), ("InvalidAccessKeyId", UsageError)],
)
def test_53_a_token_that_expired_is_later_and_a_wrong_account_is_ours_to_mend(bucket, way, code, kind):
    address = put(bucket, "a.mov", b"x")
    way.fail("GET", "/a.mov", error(403, code))
    with pytest.raises(kind, match=code):
        list(S3().chunks(address, max_bytes=100))


def test_53_a_silent_store_is_75(way, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TemporaryError, match="does not answer"):
        S3().find(Address("b-ucket", "k"))


def test_53_without_keys_it_says_so(way, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
    boto3.DEFAULT_SESSION = None
    with pytest.raises(UsageError, match="AWS_"):
        S3().find(Address("b-ucket", "k"))


def test_53_a_store_that_is_down_ends_a_scan_early(bucket, config, way, monkeypatch):
    from qc_plugin.batch import run

    monkeypatch.setattr(run, "_MOST_LATER", 3)
    for n in range(8):
        bucket.put(f"in/{n}.png")
    way.fail("GET", "/in/", error(403, "ExpiredToken"), times=8)
    result = scan([place_of(f"s3://{bucket.name}/in")], config)
    assert (result.exit_code, result.codes[75], result.n_left) == (75, 3, 5)
    assert "in a row" in result.stopped


def test_53_the_wait_is_random_and_grows(monkeypatch):
    waits = []
    monkeypatch.setattr(s3_module.time, "sleep", waits.append)
    for attempt in (1, 1, 1, 4, 4, 4):
        s3_module._wait(attempt)
    assert len(set(waits)) == 6
    assert max(waits[:3]) <= 1.0
    assert max(waits[3:]) <= 8.0
