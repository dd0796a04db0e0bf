"""Files that appear whole or not at all, and one sentence for what the system refuses.

Everything this package writes for others goes through here: a temporary file beside the target, locked as
long as its writer lives, so that `sweep` tells what a killed process left from what another is writing.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import uuid
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from qc_plugin.environment import variable
from qc_plugin.errors import PASSING, TemporaryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    Content = bytes | str | Iterable[bytes]

RESERVE_BYTES = 64 << 20  # left free on a disk: reports, ledger and logs must still find room
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PREFIX = ".tmp-"
_FIX = "choose a writable folder"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


@contextmanager
def whole(
    path: Path, *, what: str = "the file", durable: bool = False, mode: int = 0o666, fix: str = _FIX
) -> Iterator[IO[bytes]]:
    """A file to write into; at the end of the block it takes the place of `path`, on an error it is gone.

    Parent folders are made. `durable`: it survives a power cut. `mode`: before the umask. A device or a pipe
    is written to as it is. Raises UsageError when `path` cannot be written, TemporaryError when the disk is
    full or the fault may pass; `what` and `fix` are words of their sentences.
    """
    with explained(path, what, fix=fix):
        if _is_no_file(path):
            with path.open("wb") as file:
                yield file
            return
        with _draft(path.parent, mode) as (temporary, file):
            yield file
            _finish(file, durable=durable)
            temporary.replace(path)
            if durable:
                _sync_folder(path.parent)


def write_whole(
    path: Path,
    content: Content,
    *,
    what: str = "the file",
    durable: bool = False,
    mode: int = 0o666,
    fix: str = _FIX,
) -> None:
    """Replace the file at `path` by `content` (text as UTF-8), whole or not at all. As `whole`."""
    with whole(path, what=what, durable=durable, mode=mode, fix=fix) as file:
        file.writelines(_chunks(content))


def write_first(path: Path, content: Content, *, what: str = "the file", fix: str = _FIX) -> bool:
    """Write `content` durably where nothing lies; False, and nothing is changed, where a file is there.

    Of several processes one is first. Raises as `whole`.
    """
    with explained(path, what, fix=fix), _draft(path.parent) as (temporary, file):
        file.writelines(_chunks(content))
        _finish(file, durable=True)
        first = _named(temporary, path)
        _sync_folder(path.parent)
        return first


def write_new(path: Path, content: str, *, what: str = "the file") -> None:
    """Write `content` where nothing lies, or just that: the same call may be made again.

    Raises UsageError where something else is there, and as `whole`.
    """
    if not write_first(path, content, what=what) and not holds(path, content):
        raise UsageError(f"{path}: is there already, with other content; name another")


def holds(path: Path, content: str) -> bool:
    """Whether the file at `path` has just this content."""
    try:
        return path.read_bytes() == b"".join(_chunks(content))
    except OSError:
        return False


@contextmanager
def scratch(folder: Path, content: Content, *, what: str = "a copy") -> Iterator[Path]:
    """A file in `folder` with this content, for us alone and gone at the end of the block.

    Raises as `whole`, of writing it; what the block raises stays as it is.
    """
    with ExitStack() as stack:
        with explained(folder, what):
            path, file = stack.enter_context(_draft(folder))
            file.writelines(_chunks(content))
            _finish(file, durable=False)
        yield path


@contextmanager
def temporary_folder(
    prefix: str, *, within: Path | None = None, what: str = "temporary files", fix: str = _FIX
) -> Iterator[Path]:
    """A folder of our own, below `within` or where the system keeps such, gone at the end of the block."""
    folder = new_folder(prefix, within=within, what=what, fix=fix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_folder(
    prefix: str, *, within: Path | None = None, what: str = "temporary files", fix: str = _FIX
) -> Path:
    """A new folder under a name of its own, which the caller removes. Raises as `whole`."""
    with temporary_explained(what) if within is None else explained(within, what, fix=fix):
        if within is not None:
            within.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=within))


def temporary_explained(what: str) -> AbstractContextManager[None]:
    """`explained` for what the system keeps in its own folder for temporary files."""
    place = Path(variable("TMPDIR") or "/tmp")  # noqa: S108 - for the sentence only
    return explained(place, what, fix="set TMPDIR to a writable folder")


def try_folder(folder: Path, *, what: str = "reports") -> None:
    """See that files can be made in `folder`, which is made where it lacks. Raises as `whole`."""
    with scratch(folder, b"", what=what):
        pass


def make_folder(folder: Path, *, what: str = "reports") -> None:
    """Make `folder` where it lacks. Raises as `whole`."""
    with explained(folder, what):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def explained(place: Path, what: str = "the file", *, fix: str = _FIX) -> Iterator[None]:
    """What the system refuses in the block, as our error: UsageError, or TemporaryError where it may pass."""
    try:
        yield
    except OSError as error:
        blamed, reason = _blamed(error, place)
        if error.errno in DISK_FULL:
            sentence = f"{blamed}: the disk is full; free some space and run again"
            raise TemporaryError(sentence) from error
        if error.errno in PASSING:
            raise TemporaryError(f"{blamed}: cannot write {what} now ({reason}); run again") from error
        raise UsageError(f"{blamed}: cannot write {what} ({reason}); {fix}") from error


def _blamed(error: OSError, place: Path) -> tuple[Path, str]:
    """What is in the way of `place`, itself or a folder above it, and why."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        above = (folder for folder in reversed(place.parents) if not folder.is_dir())
        return next(above, place), "a file lies there"
    named = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else place
    return named if place.is_relative_to(named) else place, error.strerror or str(error)


def sweep(root: Path) -> int:
    """Remove what killed writers left half-written below `root`; those at work hold a lock. How many."""
    left = [file for file in root.rglob(f"{_PREFIX}*") if file.is_file()]
    return sum(_swept(file) for file in left)


def _swept(file: Path) -> bool:
    with suppress(OSError), file.open("r+b") as handle:  # NFS locks only what may be written
        if fcntl is not None:
            fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink()
        return True
    return False


@contextmanager
def _draft(folder: Path, mode: int = 0o666) -> Iterator[tuple[Path, IO[bytes]]]:
    """A new locked file in `folder` under a name that `sweep` knows; the name is gone after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    path, file = _locked(folder, mode)
    with file:
        try:
            yield path, file
        finally:
            with suppress(OSError):  # the error that matters is on its way already
                path.unlink(missing_ok=True)


def _locked(folder: Path, mode: int) -> tuple[Path, IO[bytes]]:
    """A new file whose lock we hold; one that was swept between the two calls is made again."""
    while True:
        path = folder / f"{_PREFIX}{uuid.uuid4().hex}"
        file = open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
        try:
            _lock(file.fileno())
            if os.fstat(file.fileno()).st_nlink:
                return path, file
        except BaseException:
            path.unlink(missing_ok=True)
            file.close()
            raise
        file.close()


def _lock(descriptor: int) -> None:
    """Say that this file is in use. Where there are no locks nobody can sweep either."""
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _named(temporary: Path, path: Path) -> bool:
    """Give the finished file its name, unless another has it."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():  # no hard links here: of two writers at the same moment the last one wins
            return False
        temporary.replace(path)
    return True


def _finish(file: IO[bytes], *, durable: bool) -> None:
    file.flush()
    if durable:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut. Windows cannot open a folder, and needs no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_no_file(path: Path) -> bool:
    """A device or a pipe, such as /dev/stdout: there is nothing to replace."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _chunks(content: Content) -> Iterable[bytes]:
    if isinstance(content, str):
        # A lone surrogate (an odd file name) has no UTF-8 form: show it, do not fail on it.
        return [content.encode("utf-8", "backslashreplace")]
    return [content] if isinstance(content, bytes) else content
