"""python -m tests.corpus FOLDER [--mutate N]: media against ffmpeg, libvips and ImageMagick."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.corpus.mutate import mutated_rows
from tests.corpus.run import judged, media_in, table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mutate", type=int, default=0, metavar="N", help="N damaged copies instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="print every file")
    args = parser.parse_args()
    paths = media_in(args.folder)
    with tempfile.TemporaryDirectory() as work:
        rows = []
        found = (
            mutated_rows(paths, args.mutate, args.seed, Path(work))
            if args.mutate
            else judged(paths, Path(work))
        )
        for row in found:
            rows.append(row)
            if args.all or row.is_bad:
                print(f"{row.column}: {row.path}: {row.said}", file=sys.stderr, flush=True)
    print(table(rows))
    return int(any(row.is_bad for row in rows))


sys.exit(main())
