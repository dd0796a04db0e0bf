"""Where an asset lies: a path, or a key of a store, which is a name and never becomes part of a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from qc_plugin.errors import UsageError

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


def place_of(text: str) -> Place:
    """The address or the path that `text` names. Raises UsageError for an address without a bucket."""
    return Address.parse(text) if text.startswith("s3://") else Path(text)
