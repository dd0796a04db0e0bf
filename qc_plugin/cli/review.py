"""Pages for people over many assets: review, and the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from qc_plugin.cli import options as o
from qc_plugin.cli.screen import err, out
from qc_plugin.errors import UsageError

if TYPE_CHECKING:
    from qc_plugin.config import RunConfig


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(review)


@o.with_settings("reader", "backend", "limits")
def review(
    run: RunConfig,
    reports: Annotated[
        Optional[list[Path]],
        typer.Argument(help="Reports (Parquet), or folders of them.", show_default=False),
    ] = None,
    out_file: Annotated[
        Optional[Path], typer.Option("--out", help="The page; default review.html or catalogue.html.")
    ] = None,
    assets: Annotated[
        Optional[Path], typer.Option("--assets", help="Folder with the assets, if they moved.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, max=5000, help="At most, over all assets.")] = 200,
    heat: Annotated[
        bool, typer.Option("--heat", help="Heat maps, too: runs the blur engine on each frame.")
    ] = False,
    catalogue: Annotated[
        Optional[Path], typer.Option("--catalogue", help="Instead: one page about a folder of reports.")
    ] = None,
) -> int:
    """Example: qc-plugin review qc-reports --out review.html

    Write one offline page to decide flagged and ranked frames on; it saves decisions.jsonl for `calibrate`.
    """
    if (catalogue is None) == (not reports):
        raise UsageError("name reports to review, or --catalogue FOLDER, one of the two")
    if catalogue is not None:
        return _catalogue(catalogue, out_file or Path("catalogue.html"))
    from qc_plugin.workshop.review import make_review

    page = out_file or Path("review.html")
    made = make_review(reports or [], run, page, assets=assets, most=frames, heat=heat)
    for asset, why in made.without_pictures:
        err.print(f"no pictures of {asset}: {why}", soft_wrap=True, markup=False)
    out.print(f"{made.n_frames} frames of {made.n_assets} assets: {made.page}", soft_wrap=True, markup=False)
    return 0


def _catalogue(folder: Path, page: Path) -> int:
    from qc_plugin.workshop.catalogue import make_catalogue

    made = make_catalogue(folder, page)
    out.print(f"{made.n_assets} assets: {made.page}", soft_wrap=True, markup=False)
    return 0
