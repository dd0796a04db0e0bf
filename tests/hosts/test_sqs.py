"""The queue consumer against a moto server over HTTP, with real assets and the real pipeline."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid

import boto3
import pytest

from qc_plugin.errors import UsageError
from qc_plugin.host.sqs import Consumer, QueueSettings
from qc_plugin.report.read import read_meta


class Queue:
    """A bucket that tells a queue, with a dead-letter queue behind it."""

    def __init__(self, name):
        self.sqs, self.s3, self.bucket = boto3.client("sqs"), boto3.client("s3"), f"in-{name}"
        region = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=region)
        self.dead = self.sqs.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self.arn(self.dead), "maxReceiveCount": "2"}
        attributes = {"RedrivePolicy": json.dumps(redrive)}
        self.url = self.sqs.create_queue(QueueName=f"ingest-{name}", Attributes=attributes)["QueueUrl"]

    def arn(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]

    def connect(self):
        """S3 tells the queue from now on; a test message comes at once."""
        told = {"QueueArn": self.arn(self.url), "Events": ["s3:ObjectCreated:*"]}
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": [told]}
        )

    def send(self, body):
        self.sqs.send_message(
            QueueUrl=self.url, MessageBody=body if isinstance(body, str) else json.dumps(body)
        )

    def waiting(self, url=None):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)["Attributes"]
        return tuple(int(found[name]) for name in names)


@pytest.fixture
def queue(aws):
    return Queue(uuid.uuid4().hex[:12])


def consume(desk, queue, **changes):
    results = []
    settings = QueueSettings(url=queue.url, **{"wait_s": 0, "retry_s": 0, "until_empty": True, **changes})
    Consumer(desk, settings, tell=results.append, stop=threading.Event()).run()
    return results


def test_s3_uploads_become_reports_and_messages_go(desk, queue, still, tmp_path):
    queue.connect()
    queue.s3.upload_file(str(still), queue.bucket, "vendor/key art + 1%.png")
    (result,) = consume(desk, queue)
    assert result.error is None, result.error
    assert result.asset.uri == f"s3://{queue.bucket}/vendor/key art + 1%.png"
    meta = read_meta(tmp_path / result.report)
    assert meta["asset"]["uri"] == result.asset.uri  # not where it was fetched to
    assert meta["verdict"] == result.verdict
    assert queue.waiting() == (0, 0)
    assert queue.waiting(queue.dead) == (0, 0)


def test_a_duplicate_is_answered_without_work(desk, queue, still, tmp_path):
    queue.s3.upload_file(str(still), queue.bucket, "a.png")
    etag = queue.s3.head_object(Bucket=queue.bucket, Key="a.png")["ETag"].strip('"')
    thing = {"bucket": {"name": queue.bucket}, "object": {"key": "a.png", "eTag": etag}}
    for _ in range(3):
        queue.send({"Records": [{"eventName": "ObjectCreated:Put", "s3": thing}]})
    results = consume(desk, queue)
    assert [r.replayed for r in results] == [False, True, True]
    assert len({r.report for r in results}) == 1
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert queue.waiting() == (0, 0)


def test_row_27_an_object_that_was_replaced_is_looked_at_again(desk, queue, still):
    """The same event id of a host: the etag of the object tells that it is another one."""
    uri = f"s3://{queue.bucket}/a.png"
    asked = {"schema": 1, "event": "asset.ingested", "id": "host-1", "asset": {"uri": uri}}
    queue.s3.put_object(Bucket=queue.bucket, Key="a.png", Body=still.read_bytes()[:900])
    for _ in range(2):
        queue.send(asked)
    first, again = consume(desk, queue)
    assert (first.error.exit_code, first.replayed, again.replayed) == (20, False, True)
    queue.s3.upload_file(str(still), queue.bucket, "a.png")
    queue.send(asked)
    (whole,) = consume(desk, queue)
    assert (whole.error, whole.replayed) == (None, False)
    queue.s3.delete_object(Bucket=queue.bucket, Key="a.png")
    queue.send(asked)
    (gone,) = consume(desk, queue)
    assert (gone.verdict, gone.replayed) == (whole.verdict, True)


def test_poison_goes_to_the_dead_letter_queue_and_the_rest_is_done(desk, queue, still):
    queue.send("not json")
    queue.send({"Service": "Amazon S3", "Event": "s3:TestEvent"})
    queue.send({"schema": 1, "event": "asset.ingested", "id": "ok", "asset": {"uri": str(still)}})
    queue.send(
        {"schema": 1, "event": "asset.ingested", "id": "no", "asset": {"uri": "x"}, "settings": {"rule": 1}}
    )
    results = consume(desk, queue)
    assert [r.id for r in results] == ["ok"]
    assert queue.waiting() == (0, 0)
    assert queue.waiting(queue.dead)[0] == 2


def test_what_failed_for_now_stays_in_the_queue(desk, queue, still, monkeypatch):
    """The bucket's store is away: nothing is kept, nothing deleted; later it works."""
    queue.s3.upload_file(str(still), queue.bucket, "a.png")
    queue.send(
        {"schema": 1, "event": "asset.ingested", "id": "e", "asset": {"uri": f"s3://{queue.bucket}/a.png"}}
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    stop = threading.Event()
    results = []
    settings = QueueSettings(url=queue.url, wait_s=0, retry_s=1)
    Consumer(desk, settings, tell=lambda r: (results.append(r), stop.set()), stop=stop).run()
    assert (results[0].error.exit_code, results[0].retryable) == (75, True)
    assert "the store" in results[0].error.text
    assert sum(queue.waiting()) == 1
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    ends = time.monotonic() + 20
    while len(results) < 2 and time.monotonic() < ends:
        results += consume(desk, queue)
    assert results[-1].error is None
    assert queue.waiting() == (0, 0)


def test_an_object_that_is_gone_is_a_lasting_answer(desk, queue):
    queue.send(
        {"schema": 1, "event": "asset.ingested", "id": "e", "asset": {"uri": f"s3://{queue.bucket}/no.png"}}
    )
    (result,) = consume(desk, queue)
    assert (result.error.exit_code, result.error.retryable) == (20, False)
    assert queue.waiting() == (0, 0)


def test_a_message_in_work_stays_hidden_for_as_long_as_it_takes(desk, queue, still, monkeypatch):
    """The work outlasts the hiding of 3 s; without renewal the message would be seen again."""
    seen_meanwhile = []
    answer = desk.answer

    def slow(event, **given):
        time.sleep(4.5)
        seen_meanwhile.append(queue.waiting())
        return answer(event, **given)

    monkeypatch.setattr(desk, "answer", slow)
    queue.send({"schema": 1, "event": "asset.ingested", "id": "e", "asset": {"uri": str(still)}})
    assert len(consume(desk, queue, hidden_s=3)) == 1
    assert seen_meanwhile == [(0, 1)]
    assert queue.waiting() == (0, 0)


def test_a_queue_that_is_not_there(desk, aws, store):
    settings = QueueSettings(url=f"{store}/123456789012/nobody")
    with pytest.raises(UsageError, match="queue `nobody`"):
        Consumer(desk, settings, tell=print, stop=threading.Event()).run()


def test_the_command_works_through_a_queue(queue, aws, still, tmp_path):
    queue.connect()
    queue.s3.upload_file(str(still), queue.bucket, "a.png")
    command = [
        sys.executable,
        "-m",
        "qc_plugin",
        "sqs",
        "--queue",
        queue.url,
        "--reports",
        "out",
        "--wait-s",
        "0",
    ]
    done = subprocess.run(
        [*command, "--until-empty"],
        cwd=tmp_path,
        env={**os.environ, **aws},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (result,) = [json.loads(each) for each in done.stdout.splitlines()]
    assert (tmp_path / result["report"]).is_file()
    assert queue.waiting() == (0, 0)
