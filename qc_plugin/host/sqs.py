"""A queue consumer: one message at a time, deleted only when its answer is durable.

At least once, like every queue: a duplicate has the same event id and gets the stored answer. A message that
no retry can help is handed back at once, so that the redrive policy moves it to the dead-letter queue.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import QcError, TemporaryError, UsageError
from qc_plugin.host.answer import lasting
from qc_plugin.host.messages import events_in
from qc_plugin.store.s3 import client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qc_plugin.host.event_handler import EventHandler
    from qc_plugin.host.result import Result

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How to treat a queue; all times in seconds."""

    url: str
    wait_s: int = 20  # long polling
    hidden_s: int = 120  # a message in work is hidden this long, renewed while we live
    retry_s: int = 60  # before a message that failed for now is seen again; doubled each time
    until_empty: bool = False


class Consumer:
    """Takes messages until `stop` is set, or until the queue is empty when asked to."""

    def __init__(
        self,
        handler: EventHandler,
        settings: QueueSettings,
        *,
        tell: Callable[[Result], None],
        stop: threading.Event,
    ) -> None:
        self._handler, self._settings, self._tell, self._stop = handler, settings, tell, stop
        self._sqs = client("sqs")
        self._errors = import_module("botocore.exceptions")

    def run(self) -> None:
        """Work through the queue. Raises UsageError for a queue that is not there or refuses us."""
        self._warn_without_redrive()
        while not self._stop.is_set():
            messages = self._receive()
            if not messages and self._settings.until_empty:
                return
            for message in messages:
                self._handle(message)

    def _handle(self, message: dict[str, Any]) -> None:
        handle = message["ReceiptHandle"]
        n_times = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
        try:
            events = events_in(message["Body"])
        except QcError as error:
            log.warning("message %s cannot be read: %s", message.get("MessageId"), error)
            self._hide(handle, 0)  # at once: it goes to the dead-letter queue after the last try
            return
        with self._kept_hidden(handle):
            results = [self._handler.answer(event, stop=self._stop) for event in events]
        for result in results:
            self._tell(result)
        if all(lasting(result) for result in results):
            self._sqs.delete_message(QueueUrl=self._settings.url, ReceiptHandle=handle)
        elif self._stop.is_set():
            self._hide(handle, 0)  # another worker may take it now
        else:
            self._hide(handle, min(43_000, self._settings.retry_s * 2 ** min(n_times - 1, 9)))

    def _receive(self) -> list[dict[str, Any]]:
        """One message; the next when this one is done, so that none waits hidden behind a long film."""
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._settings.url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=self._settings.wait_s,
                VisibilityTimeout=self._settings.hidden_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except self._errors.ClientError as error:
            raise _refused(self._settings.url, error) from error
        except self._errors.BotoCoreError as error:
            raise TemporaryError(f"the queue does not answer ({type(error).__name__}); try again") from error
        return list(answer.get("Messages", []))

    def _hide(self, handle: str, seconds: int) -> None:
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._settings.url, ReceiptHandle=handle, VisibilityTimeout=seconds
            )
        except (self._errors.ClientError, self._errors.BotoCoreError) as error:
            # It comes back by itself when its time is over; the work is not lost, at most done twice.
            log.warning("the message could not be kept hidden: %s", error)

    @contextmanager
    def _kept_hidden(self, handle: str) -> Iterator[None]:
        """Renew the hiding of a message while it is worked on."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self._settings.hidden_s / 3):
                self._hide(handle, self._settings.hidden_s)

        thread = threading.Thread(target=renew, name="keep-hidden", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _warn_without_redrive(self) -> None:
        try:
            found = self._sqs.get_queue_attributes(
                QueueUrl=self._settings.url, AttributeNames=["RedrivePolicy"]
            )
        except self._errors.ClientError as error:
            raise _refused(self._settings.url, error) from error
        except self._errors.BotoCoreError as error:
            raise TemporaryError(f"the queue does not answer ({type(error).__name__}); try again") from error
        if not found.get("Attributes", {}).get("RedrivePolicy"):
            log.warning(
                "the queue has no dead-letter queue; a message that cannot be read comes back for ever"
            )


def _refused(url: str, error: Exception) -> UsageError:
    name = url.rstrip("/").rpartition("/")[2]
    return UsageError(f"queue `{name}`: {error}; check --queue and the permissions of this account")
