"""Old and new version side by side on one database, under load: docs/operations.md, as written."""

from contextlib import ExitStack

import pytest

from tests.cluster.callers import Callers, through_nginx
from tests.cluster.newer_version import NewerVersion
from tests.cluster.nodes import cluster
from tests.end_to_end.service import Registered, Service, run_program


@pytest.fixture
def two(tmp_path):
    """Two nodes of this version that never change tables by themselves."""
    with cluster(tmp_path, 1, 1, TOKENBOOTH_MIGRATE="off") as started:
        yield started


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    return NewerVersion(tmp_path_factory.mktemp("newer"))


def made_at(node: Service, management: str) -> Registered:
    """A client that this node has registered."""
    headers = {"Authorization": f"Bearer {management}"}
    answer = node.http.post("/api/v1/clients", json={"apis": ["persons"]}, headers=headers)
    made = answer.json()
    return Registered(client_id=made["client"]["client_id"], secret=made["client_secret"])


def test_an_upgrade_node_by_node_loses_no_request(two, newer):
    client, owner = two.register(), two.register("management")
    with ExitStack() as stack:
        http = stack.enter_context(two.http())
        calls = through_nginx(http, client, owner)
        callers = stack.enter_context(Callers(**calls).calling())

        too_early = newer.run("serve", "--port", "0", **two.variables)
        migrated = newer.run("migrate", **two.variables)
        asked_again = newer.run("migrate", "--check", **two.variables)
        before = two.nodes[0].access_token(client)
        two.restart(0, **newer.variables)
        new, old = two.nodes
        # Side by side: what one has made is good at the other.
        assert all(node.is_active(client, before) for node in two.nodes)
        between = made_at(new, old.access_token(owner))
        assert old.is_active(between, new.access_token(between))
        assert new.is_active(between, old.access_token(between))
        two.restart(1, **newer.variables)
        too_late = run_program("serve", "--port", "0", **two.variables)

    assert callers.failures == []
    assert all(callers.done[name] > 10 for name in calls)
    assert (too_early.returncode, migrated.returncode, asked_again.returncode) == (1, 0, 0)
    assert "is not up to date; run: tokenbooth migrate" in too_early.stderr
    assert too_late.returncode == 1
    assert "was made by a newer version of this program" in too_late.stderr
    assert two.nodes[0].is_active(client, before)
