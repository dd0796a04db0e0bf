"""The error tree, and all that is asked of a class by its exit code: one table, `ASSET_ERRORS`."""

from __future__ import annotations

import errno
from typing import ClassVar, Final


class QcError(Exception):
    """Base of every error we raise on purpose. The message is one sentence that ends with the fix.

    `exit_code` ends a command. `lasting`: time alone does not change the answer, so that it may be kept.
    `in_totals` and `next_step` are what people read of an asset that ended so: in the totals of a scan, and
    on its sheet.
    """

    exit_code: ClassVar[int] = 70
    lasting: ClassVar[bool] = False
    in_totals: ClassVar[str] = ""
    next_step: ClassVar[str] = (
        "This is our bug, not yours. Please report it with the sentence above and the provenance below."
    )


class SetupError(QcError):
    """Call, settings, rules, engines or packages are wrong: true of every asset, so that the run stops."""

    exit_code = 2
    next_step = (
        "A setting, a rule file or an engine was wrong. Correct what the sentence names and run again."
    )


class UsageError(SetupError):
    """The command was called in a way that cannot work."""


class ConfigError(SetupError):
    """A setting is unknown, of the wrong type or out of range."""


class RuleError(SetupError):
    """A rule file cannot be used; the message names file, line and the nearest known word."""


class EngineError(SetupError):
    """An engine is missing, altered (checksum), or no back-end can run it."""


class HookError(SetupError):
    """An installed package's hook failed and the policy is `fail`; the report it heard of is in place."""


class AssetError(QcError):
    """One asset cannot be checked. Caught per asset: its row says why and the batch goes on."""

    exit_code = 20
    lasting = True
    next_step = (
        "The file itself cannot be checked. Send it again from its source, or convert it to another format."
    )


class UnsupportedAsset(AssetError):
    """Not a media file we read: empty, damaged beyond use, no video stream, a refused format."""

    in_totals = "damaged, or of a kind that is not read"


class LimitExceeded(AssetError):
    """Larger or longer than the limits allow."""

    exit_code = 21
    in_totals = "over a limit"
    next_step = (
        "The file is larger or longer than the limits allow. Raise the limit, or check a smaller copy."
    )


class DecoderDied(AssetError):
    """The process that decoded crashed, hung or sent nonsense; worth one more try."""

    exit_code = 22


class Quarantined(AssetError):
    """Crashed or hung the decoder twice; never tried again on its own."""

    exit_code = 22
    in_totals = "took the decoder down twice, in quarantine"
    next_step = (
        "The file crashed the decoder twice and is set aside. It is tried again when its content changes."
    )


class TemporaryError(QcError):
    """Worth trying again later: disk full, store unreachable, asset changed while being read."""

    exit_code = 75
    in_totals = "for later: changed meanwhile, disk or store"
    next_step = "Nothing is wrong with the file. Run the same command again later."


# What an asset can end with, worst first. A class that joins them is known everywhere: to totals, sheets,
# the ledger, hosts and the exit code of a scan.
ASSET_ERRORS: Final = (TemporaryError, Quarantined, LimitExceeded, UnsupportedAsset)
CODES_WORST_FIRST: Final = (QcError.exit_code, *(kind.exit_code for kind in ASSET_ERRORS))
LASTING_CODES: Final = frozenset({0, *(kind.exit_code for kind in ASSET_ERRORS if kind.lasting)})
_BY_CODE: Final = {kind.exit_code: kind for kind in (QcError, SetupError, *ASSET_ERRORS)}


def class_of(exit_code: int) -> type[QcError] | None:
    """The class behind the exit code that was kept of an asset; None for 0."""
    return _BY_CODE.get(exit_code)


def exit_code_of(error: Exception) -> int:
    """What `error` ends a command with; what we did not foresee is our bug."""
    return error.exit_code if isinstance(error, QcError) else QcError.exit_code


def named(error: QcError) -> str:
    """The class of `error` for a process of ours that may know only this module: its own, or the nearest."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == __name__)


def from_other(name: str, text: str) -> QcError:
    """The error that another process of ours has `named`."""
    kind: type[QcError] = globals()[name]
    return kind(text)


def sentence_of(error: Exception) -> str:
    """What `error` says to people, in one sentence."""
    ours = isinstance(error, QcError)
    return str(error) if ours else f"internal error: {error!r}; please report it with the log"


# A share that is away, a disk that fails.
AWAY: Final = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH}
)
# The place is right and the moment is wrong: another call may work.
PASSING: Final = AWAY | {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOLCK,
    errno.ENOMEM,
}
