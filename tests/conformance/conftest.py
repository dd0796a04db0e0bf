import pytest


@pytest.fixture(autouse=True, scope="session")
def own_plan_cache(tmp_path_factory):
    """Plans of test engines are built when needed, and never in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("QC_BUILD_PLANS", "1")
        yield
