"""Files against ffmpeg, libvips and ImageMagick, and damaged copies of them; the whole of it is `-m slow`."""

import random
from pathlib import Path

import pytest

from tests.corpus import stills
from tests.corpus.mutate import mutate, mutated_rows
from tests.corpus.product import DOCUMENTED, is_ours
from tests.corpus.run import judged, media_in, table
from tests.support import oracle
from tests.support.corpora import CORPORA

OURS = Path(__file__).parents[1] / "data"
SHARED = CORPORA.parents[1]
FOLDERS = [SHARED / "data" / "images-odd", SHARED / "data" / "video", SHARED / "inputs"]
N_SAMPLED, MOST_BYTES = 8, 300_000  # files of a folder in the normal run, and their size
needs_oracles = pytest.mark.skipif(not stills.ORACLES, reason="neither libvips nor ImageMagick is installed")


def there(folder):
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set QC_SHARED_DATA")
    return media_in(folder)


def all_well(rows):
    rows = list(rows)
    assert rows
    assert not [row for row in rows if row.is_bad], "\n" + table(rows)
    return rows


@oracle.needs_ffmpeg
@needs_oracles
def test_our_files_are_read_as_others_read_them(tmp_path):
    rows = all_well(judged(media_in(OURS), tmp_path))
    assert sum(row.column == "agrees" for row in rows) >= 10


@pytest.mark.real
@oracle.needs_ffmpeg
@needs_oracles
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_sample_of_the_corpora_is_read_as_others_read_it(folder, tmp_path):
    paths = [path for path in there(folder) if path.stat().st_size <= MOST_BYTES]
    all_well(judged(random.Random(0).sample(paths, min(N_SAMPLED, len(paths))), tmp_path))


@pytest.mark.slow
@pytest.mark.real
@oracle.needs_ffmpeg
@needs_oracles
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_corpora_are_read_as_others_read_them(folder, tmp_path):
    all_well(judged(there(folder), tmp_path))


def test_damaged_copies_give_rows_with_true_sentences(tmp_path):
    rows = all_well(mutated_rows(media_in(OURS), 40, 7, tmp_path))
    assert {row.column for row in rows} == {"agrees", "refused"}


@pytest.mark.slow
@pytest.mark.real
def test_2000_damaged_copies_give_rows_with_true_sentences(tmp_path):
    paths = [path for folder in FOLDERS for path in there(folder)]
    assert len(all_well(mutated_rows(paths, 2000, 1, tmp_path))) == 2000


def test_the_same_seed_damages_in_the_same_way():
    data = bytes(range(256)) * 20
    runs = [[mutate(data, random.Random(seed)) for _ in range(3)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert all(damaged != data for damaged, _ in runs[0])


def test_sentences_of_others_are_told_from_ours():
    assert {0, 10, 11, 20, 21, 22, 70, 75} <= DOCUMENTED
    assert is_ours("a.mp4 has zero bytes: transfer it again.", refused=True)
    assert is_ours(
        "a.heic (1440x960) is HEIC, which is not read: convert it to AVIF, JPEG or PNG.", refused=True
    )
    assert not is_ours("a.mp4 has zero bytes.", refused=True)
    assert not is_ours("internal error: ValueError('29'); please report it with the log", refused=True)
    assert not is_ours("Traceback (most recent call last):\n  File", refused=False)
