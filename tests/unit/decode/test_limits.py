"""Profiles of limits."""

from __future__ import annotations

from dataclasses import fields

import pytest

from qc_plugin.decode.limits import DEFAULT_LIMITS, PROFILES, STRICT, TRUSTED, limits_named
from qc_plugin.errors import ConfigError, LimitExceeded


def test_profiles_widen_in_order():
    for field in fields(DEFAULT_LIMITS):
        if field.name not in ("name", "max_streams"):
            narrow, normal, wide = (getattr(p, field.name) for p in (STRICT, DEFAULT_LIMITS, TRUSTED))
            assert narrow <= normal <= wide, field.name
            assert narrow < wide, field.name
    times = [profile.allowed_s(7200.0) for profile in (STRICT, DEFAULT_LIMITS, TRUSTED)]
    assert times == sorted(set(times))  # a film gets more time under each wider profile
    assert (DEFAULT_LIMITS.max_pixels, DEFAULT_LIMITS.max_side) == (50_000_000, 16_384)


def test_profiles_by_name():
    assert all(limits_named(name) is profile for name, profile in PROFILES.items())
    with pytest.raises(ConfigError, match="choose one of default, strict, trusted"):
        limits_named("loose")


def test_size_up_to_the_limit_passes():
    DEFAULT_LIMITS.check_size(10_000, 5_000, "a")
    DEFAULT_LIMITS.check_size(16_384, 100, "a")
    for size in ((10_000, 5_001), (16_385, 100), (100, 16_385)):
        with pytest.raises(LimitExceeded, match=r"^a\.png is"):
            DEFAULT_LIMITS.check_size(*size, "/secret/folder/a.png")


def test_bytes_by_kind():
    assert DEFAULT_LIMITS.max_bytes("video") > DEFAULT_LIMITS.max_bytes("artwork")
