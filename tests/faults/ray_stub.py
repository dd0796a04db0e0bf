"""Run by Ray in each of its workers before it takes a task: the stub decodes there too."""

from qc_plugin.batch import pool
from tests.faults import stub_worker


def install():
    pool.serve = stub_worker.serve
