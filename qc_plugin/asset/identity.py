"""Who an asset is: the SHA-256 of its bytes; and the keys of what was made of it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.errors import TemporaryError, UnsupportedAsset
from qc_plugin.isolation.opening import check_beneath, file_state, open_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qc_plugin.decode.limits import Limits
    from qc_plugin.types import Asset

# Bumped only when measures change for the same engines, so that a patch release does not rescan a catalogue.
RESULT_VERSION = 4


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of the bytes of `path`; TemporaryError if the file changes while it is read."""
    return fingerprint(path)[0]


def fingerprint(path: Path, root: Path | None = None) -> tuple[str, tuple[int, ...]]:
    """SHA-256 (hex) of a regular file, and its state when it was read.

    Raises UnsupportedAsset for what cannot be read, or lies outside of `root` by a link, TemporaryError if
    the file changes meanwhile.
    """
    descriptor = open_regular(path)
    with os.fdopen(descriptor, "rb") as handle:
        if root is not None:
            check_beneath(descriptor, path, root)
        before = file_state(os.fstat(descriptor))
        try:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            raise TemporaryError(f"{path}: reading it failed ({error.strerror}); try again") from error
        if file_state(os.fstat(descriptor)) != before:
            raise TemporaryError(f"{path}: changed while it was read; scan it again once it is complete")
    return digest, before


def identified(asset: Asset, sha256: str | None, limits: Limits, root: Path | None = None) -> Asset:
    """`asset` with its SHA-256, unless that is known, and the state of its file.

    Raises as `fingerprint`, and LimitExceeded before a byte of too large a file is read.
    """
    path = Path(asset.path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnsupportedAsset(f"{path}: cannot be read ({reason}); check the path") from error
    limits.check_bytes(status.st_size, "video", path)
    if sha256 is not None:
        return replace(asset, id=sha256, state=file_state(status))
    sha256, state = fingerprint(path, root)
    return replace(asset, id=sha256, state=state)


def canonical_hash(value: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a mapping as canonical JSON: key order and spaces do not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def measure_key(asset_id: str, engine_sha256: Mapping[str, str], decode: Mapping[str, str]) -> str:
    """Key of the measures: content, engines and decode settings. A rule change does not touch it."""
    return canonical_hash(
        {"asset": asset_id, "engines": dict(engine_sha256), "decode": dict(decode), "version": RESULT_VERSION}
    )


def judge_key(measures: str, rules_sha256: str) -> str:
    """Key of the decisions: the measures and the rules applied to them."""
    return canonical_hash({"measures": measures, "rules": rules_sha256})
