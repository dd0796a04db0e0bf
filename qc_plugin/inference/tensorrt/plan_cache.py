"""The folder of TensorRT plans, and why a plan in it may be loaded.

A plan is native code: loading one runs it. So a plan is only ever made here, from the checked ONNX file, and
kept in a folder that nobody but its owner can write; a job or an engine's folder cannot bring one. What is
kept beside it - its SHA-256 and what it was built from - tells damage, copies from elsewhere and stale plans
from good ones. There is no signature: its key would have to lie where the plans lie, and whoever can write
there can already run code as this user.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import stat
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qc_plugin.environment import variable
from qc_plugin.errors import EngineError
from qc_plugin.files import explained, write_whole
from qc_plugin.places import user_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qc_plugin.inference.tensorrt.plans import PlanKey

_log = logging.getLogger(__name__)
_SCHEMA = "qc.plan/1"
_FIX = "set QC_CACHE_DIR to a folder of your own"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def default_folder() -> Path:
    """$QC_CACHE_DIR/plans, else qc-plugin/plans in the user's cache folder."""
    stated = variable("QC_CACHE_DIR")
    return (Path(stated) if stated else user_folder("CACHE")) / "plans"


class PlanCache:
    """The folder of plans. Nothing is read or written before the folder's owner and mode are checked.

    `kind` names what is kept beside a plan and tied to it, such as what TensorRT finished for one GPU.
    Every method raises EngineError, with the fix, if the folder is somebody else's.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def load(self, key: PlanKey, *, kind: str = "") -> bytes | None:
        """The plan, or None if there is none. One that cannot be trusted is discarded with a warning."""
        path = self._path(key, kind)
        if not self._is_safe(create=False) or not path.exists():
            return None
        try:
            with self._locked(fcntl.LOCK_SH):
                content = _read_own(path)
                stated = json.loads(_read_own(_sidecar(path)))
            reason = _distrust(content, stated, key)
        except (OSError, ValueError) as error:
            reason = str(error)
        if reason is None:
            return content
        _discard(path, reason)
        return None

    def store(self, key: PlanKey, content: bytes, *, kind: str = "", seconds: float = 0.0) -> Path:
        """Keep a plan and forget the ones it replaces; `seconds` is how long it took to build."""
        self._is_safe(create=True)
        path = self._path(key, kind)
        stated = {
            "schema": _SCHEMA,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "key": key.plain(),
            "built": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(seconds, 2),
        }
        with self._locked(fcntl.LOCK_EX):  # plan and sidecar are two files: two builders must not mix them
            for older, other in self._sidecars().items():
                if key.replaces(other["key"]):
                    _remove(older)
            _write(path, content)
            _write(_sidecar(path), json.dumps(stated, indent=1).encode())
        return path

    def discard(self, key: PlanKey, reason: str) -> None:
        """Remove a plan that TensorRT itself refused, with a warning."""
        _discard(self._path(key, ""), reason)

    def seconds(self, key: PlanKey) -> float | None:
        """How long the latest plan of this engine, flavour and precision took to build here, or None."""
        alike = ("engine", "flavour", "precision")
        wanted = key.plain()
        for stated in reversed(self._sidecars().values()):
            if stated.get("seconds") and all(stated["key"].get(name) == wanted[name] for name in alike):
                return float(stated["seconds"])
        return None

    def keys(self) -> list[dict[str, Any]]:
        """What the plans here were built from, oldest first, for people to read."""
        return [stated["key"] for stated in self._sidecars().values()]

    def _path(self, key: PlanKey, kind: str) -> Path:
        return self.folder / (f"{key.file_name}.{kind}" if kind else key.file_name)

    def _sidecars(self) -> dict[Path, dict[str, Any]]:
        """Sidecar by the path of its plan, oldest first; unreadable ones are left to `load`."""
        if not self._is_safe(create=False):
            return {}
        found = {}
        for path in sorted(self.folder.glob("*.plan"), key=lambda plan: plan.stat().st_mtime):
            try:
                stated = json.loads(_read_own(_sidecar(path)))
            except (OSError, ValueError):
                continue
            if isinstance(stated, dict) and isinstance(stated.get("key"), dict):
                found[path] = stated
        return found

    def _is_safe(self, *, create: bool) -> bool:
        """False if there is no folder. A folder that others could write to is emptied and closed to them."""
        if create:
            with explained(self.folder, "plans", fix=_FIX):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            found = self.folder.lstat()
        except (FileNotFoundError, NotADirectoryError, PermissionError):  # nobody can have put one there
            return False
        if not stat.S_ISDIR(found.st_mode):
            raise EngineError(f"{self.folder}: is not a folder, or a link to one; {_FIX}")
        if found.st_uid != os.geteuid():
            raise EngineError(f"{self.folder}: belongs to another user (uid {found.st_uid}); {_FIX}")
        if found.st_mode & _OTHERS_WRITE:
            for path in self.folder.glob("*.plan"):
                _discard(path, "others could write to its folder")
        if found.st_mode & _OTHERS:
            self.folder.chmod(0o700)
        return True

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the folder for reading or writing; a folder on a read-only disk needs no lock."""
        try:
            lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if how == fcntl.LOCK_EX:
                with explained(self.folder, "plans", fix=_FIX):
                    raise
            if error.errno != errno.EROFS:
                raise
            yield
            return
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _distrust(content: bytes, stated: object, key: PlanKey) -> str | None:
    """Why these bytes are not the plan that was built here for `key`, or None."""
    if not isinstance(stated, dict) or stated.get("schema") != _SCHEMA:
        return "its sidecar is of another version"
    if stated.get("key") != key.plain():
        return "it was built for something else"
    if stated.get("sha256") != hashlib.sha256(content).hexdigest():
        return "its SHA-256 is not the one noted when it was built"
    return None


def _read_own(path: Path) -> bytes:
    """All of a regular file that is ours alone. Raises OSError for anything else.

    Opened once and then looked at: what is checked is what is read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is not a regular file")
        if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
            raise OSError("others could have written it")
        return file.read()


def _write(path: Path, content: bytes) -> None:
    """Readable by its owner only."""
    write_whole(path, content, what="the plan", durable=True, mode=0o600, fix=_FIX)


def _discard(path: Path, reason: str) -> None:
    _log.warning("plan %s discarded: %s; build it again with: qc-plugin engines build", path.name, reason)
    _remove(path)


def _remove(plan: Path) -> None:
    """The plan and all that is kept beside it."""
    for path in plan.parent.glob(f"{plan.name}*"):
        path.unlink(missing_ok=True)
