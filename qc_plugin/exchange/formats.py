"""The formats by name, and what `export` and `import` do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qc_plugin.errors import UsageError
from qc_plugin.exchange.coco import read_coco, write_coco
from qc_plugin.exchange.cvat import read_cvat, write_cvat
from qc_plugin.exchange.label_studio import read_label_studio, write_label_studio
from qc_plugin.exchange.labels import Labels, as_lines, changes, labels_of, mask_size
from qc_plugin.exchange.verdicts import write_ebu, write_junit, write_openlineage
from qc_plugin.exchange.xmp import sidecars
from qc_plugin.files import holds, write_whole
from qc_plugin.report.read import read_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qc_plugin.types import AssetReport

_LIMIT_BYTES = 1 << 30
_WRITERS: dict[str, Callable[[AssetReport, Path], str]] = {
    "coco": lambda report, _: write_coco(labels_of(report)),
    "cvat": lambda report, _: write_cvat(labels_of(report)),
    "labelstudio": lambda report, _: write_label_studio(labels_of(report)),
    "junit": lambda report, _: write_junit(report),
    "openlineage": write_openlineage,
    "ebu": lambda report, _: write_ebu(report),
}
_READERS: dict[str, Callable[[bytes, Labels, tuple[int, int]], Labels]] = {
    "coco": lambda data, labels, size: read_coco(_utf8(data), labels, size),
    "cvat": read_cvat,
    "labelstudio": lambda data, labels, size: read_label_studio(_utf8(data), labels, size),
}
EXPORTS = (*_WRITERS, "xmp")
IMPORTS = tuple(_READERS)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many frames came back, and a sentence for each that people changed."""

    n_frames: int
    changes: tuple[str, ...]


def export(path: Path, form: str, out: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the report at `path` as `form` to `out`, a file (for xmp a folder); the files.

    Raises UsageError for an unknown format, a report without frames where frames are needed, or an `out` that
    is there already with other content.
    """
    if form not in EXPORTS:
        raise UsageError(f"unknown format `{form}`; known: {', '.join(EXPORTS)}")
    report = read_report(path)
    if form == "xmp":
        files = {out / name: content for name, content in sidecars(report).items()}
        clear = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    else:
        files, clear = {out: _WRITERS[form](report, path)}, not out.exists()
    if not (overwrite or clear or all(holds(*file) for file in files.items())):
        raise UsageError(f"{out}: is there already, with other content; add --overwrite, or name another")
    for file, content in files.items():
        write_whole(file, content, what="the export")
    return list(files)


def import_labels(
    file: Path, form: str, report_path: Path, out: Path, *, overwrite: bool = False
) -> Imported:
    """Read what people corrected in `file` and write it as JSON lines to `out`. Raises UsageError."""
    if form not in IMPORTS:
        raise UsageError(f"`{form}` cannot be imported; known: {', '.join(IMPORTS)}")
    if not file.is_file():
        raise UsageError(f"{file}: no such file; check the path")
    if file.stat().st_size > _LIMIT_BYTES:
        raise UsageError(f"{file}: larger than 1 GiB; export fewer frames at once")
    report = read_report(report_path)
    before = labels_of(report)
    after = _READERS[form](file.read_bytes(), before, mask_size(report))
    found = changes(before, after)
    lines = as_lines(after, form)
    if out.exists() and not overwrite and not holds(out, lines):
        raise UsageError(f"{out}: is there already, with other content; add --overwrite, or name another")
    write_whole(out, lines, what="the labels")
    return Imported(len(after.frames), tuple(found))


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the file is not UTF-8 text: {error}; export it again") from error
