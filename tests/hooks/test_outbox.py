"""Webhooks against a real server: signed, retried, kept, and silent about secrets."""

import http.server
import json
import threading
import time

import pytest

from qc_plugin.errors import ConfigError
from qc_plugin.host import outbox
from qc_plugin.host.outbox import Outbox, check_webhook, sign, verify
from qc_plugin.host.result import Result

SECRET = "s3cret-of-the-receiver"


@pytest.fixture
def receiver(monkeypatch):
    """An HTTP server that answers with the codes of `codes`, then 200, and keeps what it got."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers), body))
            code = server.codes.pop(0) if server.codes else 200
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.codes = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/hook/token?key=hidden"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("QC_WEBHOOK_SECRET", SECRET)
    monkeypatch.setattr(outbox, "_FIRST_WAIT_S", 0.01)
    yield server
    server.shutdown()
    server.server_close()


def result(event_id="e-1"):
    return Result.model_validate(
        {"id": event_id, "event": "asset.ingested", "verdict": "accept", "stop": False, "plugin_version": "0"}
    )


def test_a_message_is_signed_and_taken_once(receiver, tmp_path):
    box = Outbox(tmp_path)
    box.put(result(), receiver.url)
    assert (box.send().sent, box.send().sent) == (1, 0)
    ((path, headers, body),) = receiver.got
    assert path == "/hook/token?key=hidden"
    assert json.loads(body)["id"] == "e-1"
    assert verify(body, headers, SECRET, now=time.time())
    assert not verify(body + b" ", headers, SECRET, now=time.time())
    assert not verify(body, headers, "other", now=time.time())
    assert not verify(body, headers, SECRET, now=time.time() + 600)
    assert not verify(body, headers | {"Webhook-Id": "another"}, SECRET, now=time.time())
    assert not verify(body, {}, SECRET, now=time.time())
    assert SECRET not in "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())


def test_the_signature_is_the_one_documented():
    """The reference library of Standard Webhooks gives this for these values."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    signature = sign(body, secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_no_base64_is_told_before_anything_is_kept(monkeypatch):
    monkeypatch.setenv("QC_WEBHOOK_SECRET", "whsec_not base64")
    with pytest.raises(ConfigError, match="no base64"):
        check_webhook("https://host/x")


def test_a_message_that_is_sent_again_keeps_its_id(receiver, tmp_path):
    receiver.codes = [500]
    Outbox(tmp_path).put(result(), receiver.url)
    Outbox(tmp_path).send()
    assert len({headers["Webhook-Id"] for _, headers, _ in receiver.got}) == 1


def test_a_receiver_that_fails_twice_is_tried_again(receiver, tmp_path):
    receiver.codes = [500, 503]
    Outbox(tmp_path).put(result(), receiver.url)
    assert Outbox(tmp_path).send().sent == 1
    assert len(receiver.got) == 3


@pytest.mark.parametrize(("codes", "n_tries"), [([500] * 9, 3), ([401], 1), ([302, 302, 302], 3)])
def test_what_is_not_taken_waits_for_the_next_time(receiver, tmp_path, caplog, codes, n_tries):
    receiver.codes = list(codes)
    box = Outbox(tmp_path)
    box.put(result(), receiver.url)
    delivery = box.send()
    assert (delivery.sent, delivery.waiting) == (0, 1)
    assert len(receiver.got) == n_tries
    assert {path for path, _, _ in receiver.got} == {"/hook/token?key=hidden"}  # no redirect was followed
    assert "token" not in caplog.text
    assert "hidden" not in caplog.text
    assert SECRET not in caplog.text
    receiver.codes.clear()
    assert box.send().sent == 1


def test_a_receiver_that_is_away_costs_little_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("QC_WEBHOOK_SECRET", SECRET)
    monkeypatch.setattr(outbox, "_FIRST_WAIT_S", 0.01)
    box = Outbox(tmp_path)
    for n in range(5):
        box.put(result(f"e-{n}"), "http://127.0.0.1:9/x")
    assert box.send(limit_s=5).waiting == 5


def test_the_same_answer_is_one_message(receiver, tmp_path):
    box = Outbox(tmp_path)
    box.put(result(), receiver.url)
    box.put(result(), receiver.url)
    assert box.send().sent == 1


def test_row_27_an_answer_given_anew_is_news_to_the_receiver(
    desk, event, still, receiver, monkeypatch, tmp_path
):
    """A receiver drops what has a `webhook-id` that it knows."""
    monkeypatch.setenv("QC_WEBHOOK", receiver.url)
    (tmp_path / "poster.png").write_bytes(still.read_bytes()[:900])
    asked = event(asset={"uri": "poster.png"})
    for content in (None, None, still.read_bytes()):
        if content:
            (tmp_path / "poster.png").write_bytes(content)
        desk.answer(asked)
        Outbox(tmp_path / "out").send()
    told = [(headers["Webhook-Id"], json.loads(body)["verdict"]) for _, headers, body in receiver.got]
    assert [verdict == "error" for _, verdict in told] == [True, False]
    assert len({message_id for message_id, _ in told}) == 2


@pytest.mark.parametrize("address", ["ftp://x/y", "file:///etc/passwd", "https://", "no address"])
def test_other_addresses_are_refused(address, monkeypatch):
    monkeypatch.setenv("QC_WEBHOOK_SECRET", SECRET)
    with pytest.raises(ConfigError, match="https://"):
        check_webhook(address)


def test_without_a_secret_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv("QC_WEBHOOK_SECRET", raising=False)
    with pytest.raises(ConfigError, match="QC_WEBHOOK_SECRET"):
        Outbox(tmp_path).put(result(), "https://host/x")
    assert list(tmp_path.iterdir()) == []


def test_an_answer_goes_out_by_the_desk(desk, event, still, receiver, monkeypatch, tmp_path):
    monkeypatch.setenv("QC_WEBHOOK", receiver.url)
    answer = desk.answer(event(asset={"uri": str(still)}))
    assert answer.error is None
    assert receiver.got == []  # nothing was sent while the host was waiting
    assert Outbox(tmp_path / "out").send().sent == 1
    assert json.loads(receiver.got[0][2])["verdict"] == answer.verdict


def test_a_webhook_that_could_never_be_sent_is_said_before_the_work(
    desk, event, still, monkeypatch, tmp_path
):
    monkeypatch.setenv("QC_WEBHOOK", "https://host/x")
    monkeypatch.delenv("QC_WEBHOOK_SECRET", raising=False)
    answer = desk.answer(event(asset={"uri": str(still)}))
    assert (answer.error.exit_code, answer.error.error_class) == (2, "ConfigError")
    assert not (tmp_path / "out").exists()
