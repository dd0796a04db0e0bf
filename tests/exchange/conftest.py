"""A realistic report as a file, and its labels."""

import pytest

from qc_plugin.exchange.labels import labels_of, mask_size
from qc_plugin.report.read import read_report
from qc_plugin.report.write import write_report
from tests.support.fake_report import fake_artwork, fake_error, fake_report


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    return write_report(fake_report(60, "talk\x1b[31m & <hands>.mp4"), tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def report(path):
    return read_report(path)


@pytest.fixture(scope="session")
def labels(report):
    return labels_of(report)


@pytest.fixture(scope="session")
def size(report):
    return mask_size(report)


@pytest.fixture(scope="session")
def error_path(tmp_path_factory):
    return write_report(fake_error(), tmp_path_factory.mktemp("errors"))


@pytest.fixture(scope="session")
def artwork_path(tmp_path_factory):
    return write_report(fake_artwork(), tmp_path_factory.mktemp("stills"))
