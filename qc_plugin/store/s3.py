"""The store itself, by boto3 (extra `s3`), set up by the AWS_* variables and files that AWS tools read.

boto3 tries again what fails for a moment (5xx, throttling, no connection: four times, with random waits); a
body that breaks off is read on from where it broke, and only if the object is still the same.
"""

from __future__ import annotations

import base64
import hashlib
import random
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import (
    ConfigError,
    LimitExceeded,
    QcError,
    TemporaryError,
    UnsupportedAsset,
    UsageError,
)
from qc_plugin.store.address import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_ATTEMPTS = 4
_CHUNK_BYTES = 1 << 20
_MISSING = {"404", "NoSuchKey", "NoSuchVersion"}
_REFUSED = {"403", "AccessDenied", "Forbidden", "AllAccessDisabled"}
_NO_ACCOUNT = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "InvalidBucketName"}
_THERE = {"412", "PreconditionFailed", "304", "NotModified"}  # old MinIO answers a conditional PUT with 304
_AT_ONCE_AGAIN = {"409", "ConditionalRequestConflict", "OperationAborted", "BadDigest", "InvalidDigest"}
_NO_CONDITIONS = {"501", "NotImplemented"}


def client(service: str) -> Any:
    """A boto3 client with bounded waits. Raises ConfigError naming the extra when boto3 is not installed."""
    try:
        boto3, config = import_module("boto3"), import_module("botocore.config")
    except ImportError as error:
        raise ConfigError("boto3 is not installed; pip install 'qc-plugin[s3]'") from error
    retries = {"mode": "standard", "total_max_attempts": _ATTEMPTS}
    return boto3.client(service, config=config.Config(connect_timeout=10, read_timeout=60, retries=retries))


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as the store lists it. `etag` is opaque: it changes when the content does."""

    address: Address
    etag: str
    n_bytes: int

    @property
    def state(self) -> str:
        """What a ledger remembers to see whether the object was replaced."""
        return f"{self.etag} {self.n_bytes}"


class S3:
    """One connection. Errors: UsageError for a wrong bucket or account, TemporaryError for what may pass."""

    def __init__(self) -> None:
        self._client = client("s3")
        self._errors = import_module("botocore.exceptions")

    def find(self, address: Address) -> Listed | None:
        """The object at this very key, if there is one."""
        try:
            with self._explained(address):
                found = self._client.head_object(Bucket=address.bucket, Key=address.key)
        except UnsupportedAsset:
            return None
        return Listed(address, found["ETag"], int(found["ContentLength"]))

    def below(self, folder: Address) -> Iterator[Listed]:
        """All objects below `folder`, by key, a thousand at a time; what consoles make as folders is none."""
        with self._explained(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=folder.bucket, Prefix=folder.prefix
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    if not each["Key"].endswith("/"):
                        address = Address(folder.bucket, each["Key"])
                        yield Listed(address, each["ETag"], int(each["Size"]))

    def chunks(
        self, address: Address, *, max_bytes: int, etag: str | None = None, tick: Callable[[], object] = int
    ) -> Iterator[bytes]:
        """The bytes of an object, `tick` being called for each chunk.

        Raises UnsupportedAsset when it is not there, LimitExceeded before the first byte of too large a one,
        TemporaryError when it is not (or no more) the one with this `etag`, or breaks off again and again.
        """
        done, size, attempt = 0, None, 0
        while size is None or done < size:
            body, etag, left = self._open(address, etag, done)
            size = done + left if size is None else size
            if size > max_bytes:
                body.close()
                raise LimitExceeded(f"{address}: {size} bytes are over the limit of {max_bytes} bytes")
            try:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    done += len(chunk)
                    tick()
                    yield chunk
            except self._errors.FlexibleChecksumError as error:  # told at the end: the bytes are here already
                raise TemporaryError(f"{address}: arrived damaged ({error}); try again") from error
            except self._errors.BotoCoreError as error:
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise TemporaryError(f"{address}: breaks off at byte {done}; try again") from error
                _wait(attempt)
            finally:
                body.close()

    def get(self, address: Address, *, max_bytes: int = 1 << 30) -> tuple[bytes, str] | None:
        """The whole of a small object and its etag; None when it is not there."""
        found = self.find(address)
        if found is None:
            return None
        with suppress(UnsupportedAsset):  # gone in between
            return b"".join(self.chunks(address, max_bytes=max_bytes, etag=found.etag)), found.etag
        return None

    def put(self, address: Address, data: bytes, *, kind: str, instead_of: str | None = None) -> bool:
        """Put `data` there in one request; False, and nothing written, where the key is taken.

        `instead_of`: the etag of what may be replaced. A store without conditions gets the object all the
        same: our keys come from the content, so that it is the same object.
        """
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        condition = {"IfNoneMatch": "*"} if instead_of is None else {"IfMatch": instead_of}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._client.put_object(
                    Bucket=address.bucket,
                    Key=address.key,
                    Body=data,
                    ContentType=kind,
                    ChecksumSHA256=digest,
                    **condition,
                )
            except self._errors.ClientError as error:
                code = _code(error)
                if code in _THERE:
                    return False
                if code in _NO_CONDITIONS and condition:
                    condition = {}
                elif code not in _AT_ONCE_AGAIN or attempt == _ATTEMPTS:
                    raise _sentence(address, code, "s3:PutObject") from error
                else:
                    _wait(attempt)
            except self._errors.BotoCoreError as error:
                raise self._silent(address, error) from error
            else:
                return True
        raise TemporaryError(f"{address}: the store takes no conditions and no object; try again")

    def upload(self, address: Address, file: Path, *, kind: str) -> None:
        """Put a file there, in parts if it is large, in the place of what was there."""
        with self._explained(address, "s3:PutObject"):
            try:
                self._client.upload_file(
                    str(file), address.bucket, address.key, ExtraArgs={"ContentType": kind}
                )
            except import_module("boto3.exceptions").S3UploadFailedError as error:
                raise TemporaryError(f"{address}: {error}; try again") from error

    def _open(self, address: Address, etag: str | None, start: int) -> tuple[Any, str, int]:
        """(body from byte `start`, etag, bytes in the body)."""
        wanted = {"IfMatch": etag} if etag else {}
        if start:
            wanted["Range"] = f"bytes={start}-"
        with self._explained(address):
            found = self._client.get_object(Bucket=address.bucket, Key=address.key, **wanted)
        return found["Body"], found["ETag"], int(found["ContentLength"])

    @contextmanager
    def _explained(self, address: Address, right: str = "s3:GetObject and s3:ListBucket") -> Iterator[None]:
        try:
            yield
        except self._errors.ClientError as error:
            raise _sentence(address, _code(error), right) from error
        except self._errors.BotoCoreError as error:
            raise self._silent(address, error) from error

    def _silent(self, address: Address, error: Exception) -> QcError:
        e = self._errors
        if isinstance(error, (e.NoCredentialsError, e.PartialCredentialsError, e.ParamValidationError)):
            return UsageError(f"{address}: {error}; set the AWS_* variables of an account that may use it")
        return TemporaryError(f"{address}: the store does not answer ({type(error).__name__}); try again")


def _sentence(address: Address, code: str, right: str) -> QcError:
    if code in _MISSING:
        return UnsupportedAsset(f"{address}: no such object; check bucket and key")
    if code in _NO_ACCOUNT:
        return UsageError(f"{address}: refused ({code}); check the bucket and the AWS_* variables")
    if code in _REFUSED:
        # One key of many may be closed: that must not end a scan, nor mark the asset as bad.
        return TemporaryError(f"{address}: access refused ({code}); allow {right}, then try again")
    if code in _THERE:
        return TemporaryError(f"{address}: changed while it was read; scan it again once it is complete")
    return TemporaryError(f"{address}: the store answered {code or 'with an error'}; try again")


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _wait(attempt: int) -> None:
    """A random moment, longer each time, so that many workers do not come back at once."""
    time.sleep(random.uniform(0.1, 0.5 * 2**attempt))  # noqa: S311 - no secret
