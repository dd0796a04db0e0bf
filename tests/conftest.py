"""Markers that depend on the machine."""

import os

import pytest

from qc_plugin.inference.backends import tensorrt


def pytest_runtest_setup(item):
    """`gpu` tests skip where no GPU can be used, and fail there if one was promised (QC_REQUIRE_GPU=1)."""
    if item.get_closest_marker("gpu") is None:
        return
    reason = tensorrt.missing()
    if reason is not None and os.environ.get("QC_REQUIRE_GPU") == "1":
        pytest.fail(f"QC_REQUIRE_GPU=1, but {reason}; qc-plugin doctor tells more", pytrace=False)
    if reason is not None:
        pytest.skip(reason)
