"""Detectors of others, brought into the user's engine folder when the user asks for it, never before.

mediapipe's face and palm networks (Apache-2.0) lie in its wheel 0.10.21, the last that has them. The wheel is
obtained by pip as the user configured it (index, mirror, proxy, certificates), held against the checksums
below, read as an archive and never installed: not one line of it runs. YuNet comes from a file of the user's.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

from qc_plugin.errors import EngineError
from qc_plugin.files import explained, temporary_folder, write_whole
from qc_plugin.inference import importable
from qc_plugin.inference.spec import load_spec, user_engines_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FIX = "make it writable, or set QC_ENGINES_DIR"
PIP_MINUTES = 30  # the wheel has 36 to 52 MB
# What to ask pip for, in turn: a wheel for this Python, for the newest Python that has one, for any machine.
_ASK = (
    (),
    ("--python-version", "3.12"),
    ("--python-version", "3.12", "--platform", "manylinux_2_28_x86_64"),
)


def import_mediapipe(wheel: Path | None = None) -> list[str]:
    """Bring mediapipe's detectors into the user's engine folder; names of the engines.

    `wheel`: a file that was obtained otherwise. Raises EngineError, with the fix, and then leaves nothing.
    """
    with _workplace() as place:
        wheel = wheel or _download(place)
        digest = _checked(wheel, importable.WHEELS)
        notice = importable.notice(f"the wheel {wheel.name} (SHA-256 {digest}) of mediapipe")
        try:
            with zipfile.ZipFile(wheel) as archive:
                licence = archive.read(importable.WHEEL_LICENCE)
                for name, engine in importable.MEDIAPIPE.items():
                    model = archive.read(engine.source)
                    _write(place / name, engine, model, {"LICENSE": licence, "NOTICE": notice})
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise EngineError(f"{wheel}: cannot be read as a wheel ({error}); get it again") from error
        return _publish(place, list(importable.MEDIAPIPE))


def import_yunet(file: Path) -> list[str]:
    """Bring a YuNet ONNX file into the user's engine folder; names of the engines.

    Only files whose checksum is known are taken, because the input they accept follows from it. Raises
    EngineError, with the fix, and then leaves nothing.
    """
    with _workplace() as place:
        try:
            model = file.read_bytes()
        except OSError as error:
            raise EngineError(f"{file}: cannot be read ({error.strerror}); check the path") from error
        engine = importable.YUNET.get(hashlib.sha256(model).hexdigest())
        if engine is None:
            raise EngineError(
                f"{file}: is no YuNet file known here; take face_detection_yunet_2023mar.onnx of OpenCV's "
                "model zoo, or write an engine.yaml with `decoder: yunet` beside yours"
            )
        notice = importable.notice(
            f"{file.name}, YuNet of ShiqiYu/libfacedetection.train (OpenCV's zoo: MIT)"
        )
        _write(place / "yunet", engine, model, {"NOTICE": notice})
        return _publish(place, ["yunet"])


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder beside the engines to be, removed in any case: what is done appears at once or not at all."""
    folder = user_engines_folder()
    with temporary_folder(".import-", within=folder, what="engines", fix=_FIX) as place:
        yield place


def _download(place: Path) -> Path:
    """The wheel, by pip."""
    if importlib.util.find_spec("pip") is None:
        raise EngineError(
            "pip: is not installed for this Python; run `python -m ensurepip`, or get the wheel of "
            f"{importable.REQUIREMENT} and name its file: qc-plugin engines import mediapipe FILE"
        )
    said = ""
    for more in _ASK:
        said = _ask_pip(place, more)
        wheels = list(place.glob("*.whl"))
        if wheels:
            return wheels[0]
        if "Retrying" in said or "No matching distribution" not in said:
            break  # another wheel would not come either
    reason = ([line for line in said.splitlines() if line.startswith("ERROR:")] or ["no reason given"])[-1]
    raise EngineError(
        f"pip: did not get {importable.REQUIREMENT} ({reason.removeprefix('ERROR: ')}); "
        "check network and `pip config list`, or name a wheel: qc-plugin engines import mediapipe FILE"
    )


def _ask_pip(place: Path, more: tuple[str, ...]) -> str:
    """What pip said; the wheel, if any, is in `place`."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(place), *more, importable.REQUIREMENT]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command; nothing in it comes from outside
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60 * PIP_MINUTES,
        )
    except subprocess.TimeoutExpired:
        return f"ERROR: no answer in {PIP_MINUTES} minutes"
    return done.stderr + done.stdout


def _checked(wheel: Path, known: Mapping[str, str]) -> str:
    """SHA-256 of the wheel, if it is the pinned one."""
    try:
        with wheel.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise EngineError(f"{wheel}: cannot be read ({error.strerror}); check the path") from error
    if digest not in known.values():
        wanted = known.get(wheel.name, f"one of the {len(known)} wheels of {importable.REQUIREMENT}")
        raise EngineError(
            f"{wheel.name}: expected SHA-256 {wanted}, got {digest}; nothing was imported: ask who runs the "
            "package index that pip used"
        )
    return digest


def _write(folder: Path, engine: importable.Importable, model: bytes, texts: Mapping[str, bytes]) -> None:
    """One engine: its network, what its licence asks for, its contract."""
    contract = yaml.safe_dump(engine.contract(folder.name, len(model)), sort_keys=False)
    files = {engine.file: model, **texts, "engine.yaml": contract.encode()}
    for name, content in files.items():
        write_whole(folder / name, content, what="the engine", fix=_FIX)
    load_spec(folder).verify()  # the checksum in the contract is the pinned one, not that of what came


def _publish(place: Path, names: list[str]) -> list[str]:
    """Put the engines beside `place`; an older import of the same name goes away with it."""
    for name in names:
        target = place.parent / name
        with explained(target, "the engine", fix="remove it first"):
            if target.exists():
                target.rename(place / f"old-{name}")
            (place / name).rename(target)
    return names
