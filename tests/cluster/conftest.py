import pytest

from tests.cluster.nodes import cluster


@pytest.fixture(scope="package")
def three(tmp_path_factory):
    """Three nodes, the last with two workers; tests leave them running and as they were."""
    folder = tmp_path_factory.mktemp("three")
    with cluster(folder, 1, 1, 2, TOKENBOOTH_REFRESH_GRACE_SECONDS="0") as started:
        yield started
