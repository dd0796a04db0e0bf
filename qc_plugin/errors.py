"""The error tree. Each class knows the exit code it ends a command with."""

from __future__ import annotations

from typing import ClassVar


class QcError(Exception):
    """Base of every error we raise on purpose. The message is one sentence that ends with the fix."""

    exit_code: ClassVar[int] = 70


class UsageError(QcError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class ConfigError(QcError):
    """A setting is unknown, of the wrong type or out of range."""

    exit_code = 2


class RuleError(QcError):
    """A rule file cannot be used; the message names file, line and the nearest known word."""

    exit_code = 2


class EngineError(QcError):
    """An engine is missing, altered (checksum), or no back-end can run it."""

    exit_code = 2


class HookError(QcError):
    """An installed package's hook failed and the policy is `fail`; the report it heard of is in place."""

    exit_code = 2


class AssetError(QcError):
    """One asset cannot be checked. Caught per asset: its row says why and the batch goes on."""

    exit_code = 20


class UnsupportedAsset(AssetError):
    """Not a media file we read: empty, damaged beyond use, no video stream, a refused format."""

    exit_code = 20


class LimitExceeded(AssetError):
    """Larger or longer than the limits allow."""

    exit_code = 21


class DecoderDied(AssetError):
    """The process that decoded crashed, hung or sent nonsense; worth one more try."""

    exit_code = 22


class Quarantined(AssetError):
    """Crashed or hung the decoder twice; never tried again on its own."""

    exit_code = 22


class TemporaryError(QcError):
    """Worth trying again later: disk full, store unreachable, asset changed while being read."""

    exit_code = 75
