"""Objects of an S3 store as files; the client is boto3 (extra `aws`), set up by AWS_* variables."""

from __future__ import annotations

from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import ConfigError, LimitExceeded, TemporaryError, UnsupportedAsset, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from qc_plugin.config import RunConfig

_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NoSuchVersion"}
_FORBIDDEN = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden"}


def client(service: str) -> Any:
    """A boto3 client with bounded waits. Raises ConfigError naming the extra when boto3 is not installed."""
    try:
        boto3, config = import_module("boto3"), import_module("botocore.config")
    except ImportError as error:
        raise ConfigError("boto3 is not installed; pip install 'qc-plugin[aws]'") from error
    return boto3.client(
        service,
        config=config.Config(
            connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4}
        ),
    )


def fetch(bucket: str, key: str, folder: Path, config: RunConfig) -> Path:
    """Download one object into `folder` under a name of ours that keeps its suffix.

    Raises UnsupportedAsset when it is not there, LimitExceeded before the first byte when it is too large,
    UsageError when access is refused, TemporaryError when the store does not answer.
    """
    store, errors = client("s3"), import_module("botocore.exceptions")
    address = f"s3://{bucket}/{key}"
    suffix = PurePosixPath(key).suffix[:16]
    target = folder / f"object{suffix if suffix.isprintable() and '/' not in suffix else ''}"
    try:
        size = int(store.head_object(Bucket=bucket, Key=key)["ContentLength"])
        if size > PROFILES[config.limits].max_bytes("video"):
            raise LimitExceeded(f"{address}: {size} bytes are over the limit of `{config.limits}`")
        store.download_file(bucket, key, str(target))
    except errors.ClientError as error:
        raise _explained(address, str(error.response.get("Error", {}).get("Code", ""))) from error
    except (errors.NoCredentialsError, errors.ParamValidationError) as error:
        raise UsageError(
            f"{address}: {error}; set the AWS_* variables of an account that may read it"
        ) from error
    except (errors.BotoCoreError, OSError) as error:
        raise TemporaryError(
            f"{address}: the store does not answer ({type(error).__name__}); try again"
        ) from error
    return target


def _explained(address: str, code: str) -> UnsupportedAsset | UsageError | TemporaryError:
    if code in _MISSING:
        return UnsupportedAsset(f"{address}: no such object; check bucket and key")
    if code in _FORBIDDEN:
        return UsageError(f"{address}: access refused ({code}); allow s3:GetObject on it")
    return TemporaryError(f"{address}: the store answered {code or 'with an error'}; try again")
