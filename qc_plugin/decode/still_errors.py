"""What Pillow raises, in one sentence that ends with what to do; unsupported is not called damaged."""

from __future__ import annotations

import contextlib
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image, UnidentifiedImageError

from qc_plugin.decode.still_kind import is_of_rare_compression, kind_of
from qc_plugin.errors import LimitExceeded, QcError, UnsupportedAsset

if TYPE_CHECKING:
    from collections.abc import Iterator

# What Pillow's readers let through on damaged files; seen on its own test images, or documented.
PILLOW_ERRORS: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    NotImplementedError,
)
# Words by which Pillow and its libraries say that they know the format but not this kind of it.
_UNSUPPORTED: Final = ("unsupported", "not implemented", "not supported")
_FAILED: Final = "decoder error -2"  # that a library failed: at damage, and at a compression of TIFF it lacks


@contextlib.contextmanager
def naming_errors(path: str | Path) -> Iterator[None]:
    """Turn what Pillow raises into our own errors; its bomb warning counts as an error.

    Raises:
        UnsupportedAsset: not a picture we read, or damaged.
        LimitExceeded: too many pixels, or more memory than there may be.
    """
    name = Path(path).name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged EXIF is noted, not shouted
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except QcError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise LimitExceeded(f"{name} unpacks to more pixels than is safe: scale it down.") from error
        except MemoryError as error:
            raise LimitExceeded(f"{name} needs more memory than it may have: scale it down.") from error
        except UnidentifiedImageError as error:
            raise UnsupportedAsset(_unidentified(path)) from error
        except PILLOW_ERRORS as error:
            raise UnsupportedAsset(_broken(path, error)) from error


def _unidentified(path: str | Path) -> str:
    kind, name = kind_of(path), Path(path).name
    if kind:
        return f"{name} is a {kind}, which is not read: export it as 8-bit or 16-bit JPEG, PNG or TIFF."
    return f"{name} is damaged or of a kind of picture we do not read: export it as JPEG or PNG."


def _broken(path: str | Path, error: Exception) -> str:
    name, told = Path(path).name, f"{error}".strip()
    lacks = _FAILED in told and is_of_rare_compression(path)
    if lacks or any(word in told.lower() for word in _UNSUPPORTED):
        kind = kind_of(path) or f"kind of {Path(path).suffix.lstrip('.').upper() or 'picture'} ({told})"
        return f"{name} is a {kind}, which is not read: export it as JPEG or PNG."
    return f"{name} is damaged ({type(error).__name__}: {error}): transfer or export it again."
