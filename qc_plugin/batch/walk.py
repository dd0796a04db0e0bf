"""The assets of a catalogue, one after the other: no listing is ever held as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qc_plugin.batch.folders import Folders
from qc_plugin.batch.found import Found, LeftOut, Skipped, empty, unreadable
from qc_plugin.batch.leftovers import Leftovers
from qc_plugin.errors import TemporaryError, UsageError
from qc_plugin.store.address import Address, absolute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qc_plugin.store.address import Place
    from qc_plugin.store.s3 import S3

Met = Found | LeftOut | Skipped


def walk(places: Sequence[Place], *, but: Sequence[Place] = (), ignore: Sequence[str] = ()) -> Iterator[Met]:
    """Files named, then what is below folders, sorted folder by folder, each once; then that of stores.

    Left out by their names are `leftovers.Leftovers(ignore)`; not entered are the folders `but` (reports hold
    pictures too). A place without any asset is `Skipped` as empty, and so is, with the reason, what cannot be
    searched. Raises UsageError when nothing was named, or a path that does not exist.
    """
    check_places(places)
    paths = [absolute(place) for place in places if isinstance(place, Path)]
    by_hand = dict.fromkeys(path for path in paths if not path.is_dir())
    leftovers = Leftovers(ignore)
    folders = Folders(
        list(dict.fromkeys(path for path in paths if path not in by_hand)),
        {str(absolute(place)) for place in but if isinstance(place, Path)},
        leftovers,
    )
    yield from map(Found, by_hand)
    for root, met in folders.each():
        yield from _or_empty(root, (each for each in met if each.path not in by_hand))
    addresses = dict.fromkeys(place for place in places if isinstance(place, Address))
    if addresses:
        from qc_plugin.store.s3 import S3

        store, ours = S3(), [place for place in but if isinstance(place, Address)]
        for address in (a for a in addresses if not any(_holds(other, a) for other in addresses)):
            yield from _or_empty(address, _in_store(store, address, ours, leftovers))


def check_places(places: Sequence[Place]) -> None:
    """Raise UsageError when nothing was named, or a path that does not exist or cannot be looked at."""
    if not places:
        raise UsageError("no paths given; name files or folders, e.g. `qc-plugin scan footage/`")
    for path in (place for place in places if isinstance(place, Path)):
        try:
            path.stat()
        except FileNotFoundError as error:
            raise UsageError(
                f"{path}: no such file or folder; check the path, and that its disk is mounted"
            ) from error
        except (OSError, ValueError) as error:
            said = unreadable(path, error)
            passes = said.exit_code == TemporaryError.exit_code
            raise (TemporaryError if passes else UsageError)(said.text) from error


def _or_empty(place: Place, met: Iterable[Met]) -> Iterator[Met]:
    """All of `met`; where nothing in it is or may be an asset, that is said of `place`."""
    is_empty = True
    for each in met:
        is_empty = is_empty and isinstance(each, LeftOut)
        yield each
    if is_empty:
        yield empty(place)


def _holds(folder: Address, other: Address) -> bool:
    """Whether `other` lies below `folder`."""
    return folder != other and folder.bucket == other.bucket and other.key.startswith(folder.prefix)


def _in_store(store: S3, address: Address, but: Sequence[Address], leftovers: Leftovers) -> Iterator[Met]:
    """The object of this key, else all below the folder of this name, by key."""
    try:
        named = store.find(address) if address.key.rstrip("/") == address.key != "" else None
        if named is not None:
            yield Found(address, state=named.state, n_bytes=named.n_bytes)
            return
        for each in store.below(address):
            if not any(_holds(other, each.address) for other in but):
                reason = leftovers.of_key(each.address.key.removeprefix(address.prefix))
                found = Found(each.address, state=each.state, n_bytes=each.n_bytes)
                yield found if reason is None else LeftOut(each.address, reason)
    except TemporaryError as error:  # one place of many may be closed, or the store away in between
        yield Skipped(address, "unreadable", str(error), error.exit_code)
