"""Reports in a store: each is made in the folder here, then put there; what is there is the report.

A report is put by one request that fails where its key is taken, so that of two machines one is first and the
other finds the same report. Sheet and stills go before it: whoever sees the report finds them.
"""

from __future__ import annotations

import mimetypes
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from qc_plugin.errors import TemporaryError
from qc_plugin.files import scratch, write_whole
from qc_plugin.report.layout import sheet_of, stills_of
from qc_plugin.report.read import read_meta
from qc_plugin.report.write import may_replace
from qc_plugin.store.address import Address
from qc_plugin.store.s3 import S3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qc_plugin.asset.outcome import AssetOutcome
    from qc_plugin.config import RunConfig

_PARQUET = "application/vnd.apache.parquet"
_ROUNDS = 3
_MOST_BYTES = 64 << 30  # a manifest of 100 million assets


class ReportStore:
    """The place `config.store` and the folder `config.reports` before it."""

    def __init__(self, config: RunConfig, store: S3 | None = None) -> None:
        assert config.store is not None
        self._folder, self._home, self._store = config.reports, Address.parse(config.store), store or S3()

    def address(self, file: Path) -> Address:
        """Where the file of that name in our folder belongs."""
        return self._home.below(file.relative_to(self._folder).as_posix())

    def bring(self, report: Path) -> None:
        """Fetch a report to its place here, if it is there; one that is here waits to be put, and stays."""
        if not report.is_file():
            self.fetch(report)

    def bring_pictures(self, report: Path) -> None:
        """Fetch sheet and stills of a report to their places here, as far as they are there."""
        self.fetch(sheet_of(report))
        for file in list(self.files(stills_of(report).relative_to(self._folder).as_posix())):
            self.fetch(file)

    def fetch(self, file: Path) -> bool:
        """Copy a file of ours here, in the place of what is here; False when it is not there."""
        found = self._store.find(self.address(file))
        if found is not None:
            content = self._store.chunks(found.address, max_bytes=_MOST_BYTES, etag=found.etag)
            write_whole(file, content, what="the copy of a report", durable=True)
        return found is not None

    def put(self, outcome: AssetOutcome, *, keep: bool) -> AssetOutcome:
        """Make the report of `outcome` visible in the store; `keep` False: nothing of it stays here.

        An existing report of the same key is as good. Raises TemporaryError when the store cannot take it.
        """
        assert outcome.report is not None
        stills = stills_of(outcome.report)
        pictures = sorted(stills.iterdir()) if stills.is_dir() else []
        for file in [*([outcome.sheet] if outcome.sheet else []), *pictures]:
            self._store.upload(self.address(file), file, kind=mimetypes.guess_type(file.name)[0] or "")
        address = self.address(outcome.report)
        self._put_report(outcome.report, address)
        if not keep:
            outcome.report.unlink(missing_ok=True)
            shutil.rmtree(stills, ignore_errors=True)
            if outcome.sheet is not None:
                outcome.sheet.unlink(missing_ok=True)
        return replace(outcome, address=str(address))

    def put_file(self, file: Path) -> None:
        """Put a file of ours that may be replaced, a manifest."""
        self._store.upload(self.address(file), file, kind="application/x-ndjson")

    def files(self, below: str) -> Iterator[Path]:
        """Files of a folder of the store as they would be named here; none is fetched."""
        for listed in self._store.below(self._home.below(below)):
            name = listed.address.key.removeprefix(self._home.prefix)
            if ".." not in name.split("/"):  # a stranger may write there
                yield self._folder / name

    def _put_report(self, report: Path, address: Address) -> None:
        data, etag = report.read_bytes(), None
        for _ in range(_ROUNDS):
            if self._store.put(address, data, kind=_PARQUET, instead_of=etag):
                return
            there = self._store.get(address)
            etag = None if there is None else there[1]
            if there is not None and (there[0] == data or not self._is_useless(there[0], report, address)):
                return
        raise TemporaryError(f"{address}: others write there all the time; try again")

    def _is_useless(self, there: bytes, report: Path, address: Address) -> bool:
        meta = read_meta(report)
        key, asset_id = meta["provenance"]["judge_key"], meta["asset"]["id"]
        with scratch(report.parent, there) as copy:
            return may_replace(copy, judge_key=key, asset_id=asset_id, name=str(address))
