"""From the address in an event to a file we may read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.decode.limits import PROFILES
from qc_plugin.errors import QcError, UnsupportedAsset, UsageError
from qc_plugin.extensions.installed import packages
from qc_plugin.files import write_whole
from qc_plugin.report.text import without_secrets
from qc_plugin.store.address import Address, file_path, scheme_of
from qc_plugin.store.s3 import S3

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig


def locate(uri: str, folder: Path, config: RunConfig) -> Path:
    """The local file behind `uri`, fetched into `folder` where it lies elsewhere.

    Installed `asset_resolver`s are asked about everything that is not a file here. Raises UnsupportedAsset
    for what nobody knows or nobody finds, TemporaryError when a store does not answer.
    """
    if "\0" in uri:
        raise UnsupportedAsset("the address holds a NUL character; send the address as the store names it")
    scheme = scheme_of(uri)
    if "://" not in uri and Path(uri).is_file():
        return Path(uri)
    found = packages().resolve(uri, folder, config)
    if found is not None:
        return _existing(found, uri)
    if scheme == "s3":
        return _fetched(_object(uri), folder, config)
    if scheme == "file":
        return _existing(_file(uri), uri)
    if not scheme:
        return _existing(Path(uri), uri)
    # No web addresses: fetching what an event names would let it reach hosts that only we can reach.
    raise UnsupportedAsset(
        f"{without_secrets(uri)}: `{scheme}` addresses are not read; give a path, a file: or s3:// "
        "address, or install a package with an asset_resolver"
    )


def state_of(uri: str) -> str | None:
    """What changes when the file or the object behind `uri` is replaced or written to.

    None where it is not there, or only a package or a store that does not answer could tell.
    """
    try:
        if scheme_of(uri) == "s3":
            found = S3().find(_object(uri))
            return None if found is None else found.state
        path = _file(uri) if scheme_of(uri) == "file" and not Path(uri).is_file() else Path(uri)
        status = path.stat()
    except (QcError, OSError, ValueError):
        return None
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


def _file(uri: str) -> Path:
    try:
        return file_path(uri)
    except UsageError as error:
        raise UnsupportedAsset(str(error)) from error


def _object(uri: str) -> Address:
    try:
        return Address.parse(uri)
    except UsageError as error:
        raise UnsupportedAsset(str(error)) from error


def _fetched(address: Address, folder: Path, config: RunConfig) -> Path:
    """The object as a file under a name of ours."""
    target = folder / "object"
    write_whole(target, S3().chunks(address, max_bytes=PROFILES[config.limits].max_bytes("video")))
    return target


def _existing(path: Path, uri: str) -> Path:
    if path.is_dir():
        raise UnsupportedAsset(f"{without_secrets(uri)}: is a folder; send one event per asset, or scan it")
    if not path.is_file():
        # What follows `?` may be a signature, and is not shown.
        fix = (
            "`?` and what follows it are part of the name: leave them out"
            if "?" in uri
            else "check the address"
        )
        raise UnsupportedAsset(f"{without_secrets(uri)}: no such file; {fix}")
    return path
