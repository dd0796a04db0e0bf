"""Folders of the user, for every user there is: without HOME, without a name, in a folder that is gone.

Nothing else asks for the home or the working folder. A folder of the user is where XDG_* says, else in the
home; a user without one has a folder in the temporary folder, closed to others.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qc_plugin.environment import variable
from qc_plugin.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = "qc-plugin"
_IN_HOME = {"CONFIG": ".config", "STATE": ".local/state", "CACHE": ".cache", "DATA": ".local/share"}
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SOCKET_PATH = 107  # bytes that a Unix socket's address may have ...
_SOCKET_NAME = len("/pymp-12345678/listener-12345678")  # ... and what multiprocessing adds to the folder


def user_folder(kind: Literal["CONFIG", "STATE", "CACHE", "DATA"]) -> Path:
    """Our folder among the user's of this kind; it need not be there.

    Raises ConfigError for a user without a home when the folder in its place belongs to somebody else.
    """
    stated = variable(f"XDG_{kind}_HOME")
    if stated is not None and Path(stated).is_absolute():  # the standard: a relative one is to be ignored
        return Path(stated) / _NAME
    home = _home()
    return private_folder() / kind.lower() if home is None else home / _IN_HOME[kind] / _NAME


def private_folder() -> Path:
    """A folder of this user alone in the temporary folder, made where that can be done.

    Raises ConfigError when there is something else under its name: others could have put it there.
    """
    folder = Path(_temporary()) / f"{_NAME}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
            raise ConfigError(
                f"{folder}: belongs to somebody else or is open to others; remove it, or set HOME"
            ) from None
    except OSError:  # nowhere to write: whoever has to write there says so
        pass
    return folder


def check_room_for_sockets() -> None:
    """Raise UsageError where the path of the temporary folder leaves no room for our processes' sockets."""
    folder = tempfile.gettempdir()
    if os.name == "posix" and len(os.fsencode(folder)) + _SOCKET_NAME > _SOCKET_PATH:
        longest = _SOCKET_PATH - _SOCKET_NAME
        raise UsageError(
            f"{folder}: a temporary folder with so long a path has no room for sockets; "
            f"set TMPDIR to one of at most {longest} bytes"
        )


def working_folder() -> Path | None:
    """The working folder; None when it was removed or may not be looked at."""
    with suppress(OSError):
        return Path.cwd()
    return None


@contextmanager
def some_working_folder() -> Iterator[None]:
    """Run the block in a folder that is there: multiprocessing asks for it when it starts a process."""
    if working_folder() is not None:
        yield
        return
    here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
    os.chdir("/")
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def is_file(path: Path) -> bool:
    """Whether it is a file; not, too, where this user may not look, as with the HOME of another user."""
    with suppress(OSError):
        return path.is_file()
    return False


def keep_error(text: str) -> Path | None:
    """Write the traceback of an internal error to the user's state folder, else to a temporary one.

    None when it can be written nowhere. Raises nothing.
    """
    places: tuple[Callable[[], Path], ...] = (lambda: user_folder("STATE"), private_folder)
    for place in places:
        with suppress(OSError, ConfigError):
            log = place() / "last-error.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(text, encoding="utf-8", errors="backslashreplace")
            return log
    return None


def _home() -> Path | None:
    """HOME, else what the system knows of this user, else None."""
    if os.name == "nt":
        return Path.home()
    import pwd

    with suppress(KeyError):
        home = Path(variable("HOME") or pwd.getpwuid(os.getuid()).pw_dir)
        if home.is_absolute():
            return home
    return None


def _temporary() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # none can be written
        return "/tmp"  # noqa: S108 - only named, in the message of whoever has to write there
