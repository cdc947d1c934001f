"""Fixtures of the chart: Helm, and the chart rendered with each of its profiles."""

from collections.abc import Iterator
from functools import cache

import kubernetes_validate.utils
import pytest

from tests.chart.release import PROFILES, Helm, Release
from tools.kubernetes_binaries import BinariesUnavailable, fetch


@pytest.fixture(scope="package", autouse=True)
def _schemas_are_read_once() -> Iterator[None]:
    """The library parses all definitions of Kubernetes again for each manifest."""
    with pytest.MonkeyPatch.context() as patch:
        utils = kubernetes_validate.utils
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


@pytest.fixture(scope="session")
def helm() -> Helm:
    """The real Helm, fetched once."""
    try:
        return Helm(fetch().helm)
    except BinariesUnavailable as error:
        pytest.skip(f"no Helm: {error}")


@pytest.fixture(scope="session", params=PROFILES, ids=lambda profile: profile.removesuffix("-values.yaml") or "default")
def profile(request: pytest.FixtureRequest) -> str:
    """One of the values files that a user could start from; empty for the default values."""
    return str(request.param)


@pytest.fixture(scope="session")
def release(helm: Helm, profile: str) -> Release:
    """The chart with one profile."""
    return helm.render(profile)
