"""Verdicts on their way to a webhook: kept until they were taken, sent after the answer was given.

Signed as Standard Webhooks (standardwebhooks.com) has it: `webhook-id`, `webhook-timestamp` and
`webhook-signature: v1,<base64>`, the HMAC-SHA256 over `<id>.<timestamp>.<body>` with QC_WEBHOOK_SECRET. A
message that is sent again keeps its id; the time is signed, so that a copy cannot be sent later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import random
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qc_plugin.environment import variable
from qc_plugin.errors import ConfigError
from qc_plugin.files import write_whole
from qc_plugin.host.result import Result, line
from qc_plugin.report.layout import OUTBOX, adopt
from qc_plugin.report.text import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)
SECRET = "QC_WEBHOOK_SECRET"  # noqa: S105
_TRIES = 3
_FIRST_WAIT_S = 0.5  # doubled each time, with jitter
_TIMEOUT_S = 10.0
_GIVE_UP_CODES = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})  # asking again changes nothing


@dataclass(frozen=True, slots=True)
class Delivery:
    """How sending went: messages taken by the other side, and those still waiting."""

    sent: int
    waiting: int


class Outbox:
    """Messages waiting under `<reports>/_outbox/`; each its own file, written before anything is sent."""

    def __init__(self, reports: Path) -> None:
        adopt(reports)
        self._root = reports / OUTBOX

    def put(self, result: Result, address: str, *, basis: str = "") -> None:
        """Keep `result` for `address`. Raises ConfigError when it could never be sent.

        `basis`: what the answer rests on beside its event. The same event answered anew on another basis is
        news, which a receiver that drops doubles must not drop.
        """
        check_webhook(address)
        told = f"{result.id}\0{basis}" if basis else result.id
        name = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        message = json.dumps({"address": address, "body": line(result)})
        write_whole(self._root / f"{name}.json", message, what="the message", durable=True)

    def send(self, *, tries: int = _TRIES, limit_s: float = 60.0) -> Delivery:
        """Send what waits, oldest first, for about `limit_s`; what is not taken stays for the next time."""
        ends = time.monotonic() + limit_s
        sent = 0
        waiting = self._waiting()
        for path in waiting:
            if time.monotonic() >= ends:
                break
            try:
                message = json.loads(path.read_text(encoding="utf-8"))
                taken = _deliver(
                    _Message(path.stem, message["address"], message["body"].encode()), tries, ends
                )
            except FileNotFoundError:
                continue  # another process has sent it
            except (ValueError, KeyError, TypeError):
                taken = True  # torn by hand: nothing that could be sent
            if taken:
                path.unlink(missing_ok=True)
                sent += 1
        return Delivery(sent, len(self._waiting()))

    def _waiting(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        return sorted(self._root.glob("[0-9a-f]*.json"), key=lambda p: (p.stat().st_mtime_ns, p.name))


@dataclass(frozen=True, slots=True)
class _Message:
    """One message; `id` tells doubles apart from news."""

    id: str
    address: str
    body: bytes


def sign(body: bytes, secret: str, message_id: str, timestamp: int) -> str:
    """Value of `webhook-signature` for `body`. `timestamp`: unix seconds.

    Raises ConfigError for a secret that begins with `whsec_` and is no base64.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def verify(
    body: bytes, headers: Mapping[str, str], secret: str, *, now: float, tolerance_s: float = 300.0
) -> bool:
    """Whether `headers` were made for `body` with `secret` within `tolerance_s` seconds (for receivers)."""
    given = {name.lower(): value for name, value in headers.items()}
    stamp = given.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(now - int(stamp)) > tolerance_s:
        return False
    expected = sign(body, secret, given.get("webhook-id", ""), int(stamp)).encode()
    offered = given.get("webhook-signature", "").split(" ")  # several while a secret is being changed
    return any(hmac.compare_digest(expected, each.encode()) for each in offered)


def _key(secret: str) -> bytes:
    """The bytes to sign with: base64 after `whsec_`, as the standard writes secrets, else the text itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ConfigError(f"{SECRET} begins with whsec_ but is no base64; copy it again") from error


def check_webhook(address: str) -> None:
    """Raise ConfigError unless `address` can be told and there is a secret to sign with."""
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ConfigError(f"webhook `{without_secrets(address)}`: give an https:// address")
    secret = variable(SECRET)
    if secret is None:
        raise ConfigError(
            f"a webhook is set but {SECRET} is not; set it to the secret shared with the receiver"
        )
    _key(secret)


def _deliver(message: _Message, tries: int, ends: float) -> bool:
    """Try to hand over one message; False when it should wait."""
    address = message.address
    check_webhook(address)
    for wait_s in _waits(tries):
        if wait_s and time.monotonic() + wait_s >= ends:
            return False
        time.sleep(wait_s)
        code = _post(message)
        if code is not None and 200 <= code < 300:
            return True
        if code in _GIVE_UP_CODES:
            log.warning("webhook %s refused the message (%s); check address and secret", _host(address), code)
            return False
    log.warning("webhook %s did not take the message; it waits in the outbox", _host(address))
    return False


def _waits(tries: int) -> Iterator[float]:
    yield 0.0
    for n in range(tries - 1):
        yield _FIRST_WAIT_S * 2**n * random.uniform(0.5, 1.5)  # noqa: S311


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the signed body to a host that nobody has named."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def _post(message: _Message) -> int | None:
    """HTTP status of one attempt; None when nobody answered."""
    now = int(time.time())
    headers = {
        "content-type": "application/json",
        "user-agent": "qc-plugin",
        "webhook-id": message.id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(message.body, variable(SECRET) or "", message.id, now),
    }
    request = urllib.request.Request(message.address, data=message.body, headers=headers, method="POST")  # noqa: S310
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return None


def _host(address: str) -> str:
    """What a log may show of an address: paths of webhooks often carry a token."""
    return urlsplit(address).hostname or "?"
