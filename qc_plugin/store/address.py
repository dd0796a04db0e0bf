"""Where an asset lies: a path, or a key of a store, which is a name and never becomes part of a path."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from qc_plugin.errors import UsageError

# Two letters at least: `c:/x` is a path of another system, not an address.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


@dataclass(frozen=True, slots=True)
class Address:
    """An object, or a folder of objects where a folder is meant. Keys are compared letter by letter."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """From `s3://bucket/key`; not as a URL: `?`, `#` and `%` are part of a key. Raises UsageError."""
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not text.startswith("s3://") or not _BUCKET.fullmatch(bucket):
            raise UsageError(f"{text}: is no address of a store; write s3://bucket/key")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """What follows the last slash."""
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """`.mov`, in small letters; empty without one."""
        stem, dot, suffix = self.name.rpartition(".")
        return f".{suffix.lower()}" if stem and dot else ""

    @property
    def prefix(self) -> str:
        """What the keys of this folder begin with; empty for a whole bucket."""
        return f"{self.key.rstrip('/')}/" if self.key.strip("/") else ""

    def below(self, name: str) -> Address:
        """The object `name` (of our own making) in this folder."""
        return Address(self.bucket, self.prefix + name)


Place = Path | Address


def scheme_of(text: str) -> str:
    """`s3` of `s3://b/k`, also of `s3:/b/k` as some path libraries write it; empty for a path."""
    match = _ADDRESS.match(text)
    return match.group(1).lower() if match else ""


def file_path(uri: str) -> Path:
    """The path of a `file:` address: `file:/a`, `file:///a` or `file://localhost/a` (RFC 8089).

    `%20` is a space; `#` and `?` are letters of the name, because file names hold them and nothing follows.
    Raises UsageError for a file of another machine.
    """
    rest = uri.partition(":")[2]
    host = ""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        rest = slash + path
    import socket

    if host.lower() not in ("", "localhost", socket.gethostname().lower()):
        raise UsageError(
            f"{uri}: names a file of the machine `{host}`; mount it here and give file:///path or the path"
        )
    # A name need not be UTF-8: %E9 alone is a letter of one that is not.
    path = unquote(rest, errors="surrogateescape")
    if "\0" in path or not path:
        raise UsageError(f"{uri}: holds no path or a NUL character; give file:///path or the path")
    return Path(path)


def given_place(text: str) -> Place:
    """What a person or a host names: a path, also by a `file:` address, or an address of a store.

    Raises UsageError as `file_path` and `Address.parse` do.
    """
    if scheme_of(text) == "file" and not Path(text).exists():
        return file_path(text)
    return place_of(text)


def place_of(text: str) -> Place:
    """The address or the path that `text` names. Raises UsageError for an address without a bucket."""
    return Address.parse(text) if text.startswith("s3://") else Path(text)


def absolute(path: Path) -> Path:
    """`path` from the root of the file system on; links in it stay, but for those before a `..`.

    So that two folders' `a.mp4` are two names, in reports and in the ledger. Where the working folder is
    gone, a relative path stays as it is.
    """
    parts = path.parts
    with suppress(FileNotFoundError):
        if ".." in parts:  # after a link, `..` is the parent of where it leads to
            end = len(parts) - parts[::-1].index("..")
            return Path(os.path.realpath(Path(*parts[:end])), *parts[end:])
        return path.absolute()
    return path
