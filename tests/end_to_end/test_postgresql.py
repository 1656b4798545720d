"""Two nodes on one PostgreSQL: what one is told, the other knows."""

import json
from contextlib import ExitStack

import pytest

from tests.end_to_end.service import Registered, eventually, run_program, running
from tests.postgres import free_port, installed_versions, postgres_server


@pytest.fixture(scope="module")
def server():
    with postgres_server(installed_versions()[-1]) as server:
        server.sql("CREATE DATABASE booth")
        yield server


@pytest.fixture(scope="module")
def variables(server, tmp_path_factory):
    key = tmp_path_factory.mktemp("keys") / "master.key"
    # Tokens of one issuer from all nodes, as behind a proxy.
    return {
        "TOKENBOOTH_DATABASE": server.url("booth"),
        "TOKENBOOTH_MASTER_KEY_FILE": str(key),
        "TOKENBOOTH_ISSUER_URL": "http://127.0.0.1:9999",
        # Longer than any test waits: what is heard of sooner, the database has told.
        "TOKENBOOTH_CHANGE_POLL_SECONDS": "200",
    }


@pytest.fixture(scope="module")
def nodes(variables, tmp_path_factory):
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running(
                    tmp_path_factory.mktemp("node"),
                    "--database",
                    variables["TOKENBOOTH_DATABASE"],
                    port=free_port(),
                    variables=variables,
                )
            )
            for _ in range(2)
        ]


@pytest.fixture(scope="module")
def told(variables):
    def run(*arguments):
        done = run_program(*arguments, "--json", **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    run("apis", "create", "persons", "--audience", "https://p.example", "--scopes", "persons:read")
    return run


@pytest.fixture
def client(told):
    made = told("clients", "create", "--api", "persons")
    return Registered(
        client_id=made["client_id"],
        secret=made["client_secret"],
        credential_id=made["credential_id"],
    )


def test_any_node_serves_any_client_and_knows_any_token(nodes, client):
    first, second = nodes
    eventually(lambda: all(node.token(client).status_code == 200 for node in nodes), within=60)

    token = first.access_token(client)
    assert second.is_active(client, token)

    assert second.revoke(client, token).status_code == 200
    assert not first.is_active(client, token)
    assert not second.is_active(client, token)


def test_a_client_disabled_by_the_command_line_is_refused_by_every_node(nodes, client, told):
    eventually(lambda: all(node.token(client).status_code == 200 for node in nodes), within=60)

    told("clients", "disable", client.client_id)

    eventually(lambda: all(node.token(client).status_code == 401 for node in nodes), within=60)


LISTENING = "FROM pg_stat_activity WHERE application_name = 'tokenbooth listening'"


def listening_sessions(server):
    return server.ask(f"SELECT pid {LISTENING}")


def test_nothing_is_missed_while_no_node_listens(server, nodes, client, told):
    eventually(lambda: all(node.token(client).status_code == 200 for node in nodes), within=60)
    before = eventually(lambda: len(there := listening_sessions(server)) == 2 and there, within=60)

    server.ask(f"SELECT pg_terminate_backend(pid) {LISTENING}")
    told("clients", "disable", client.client_id)

    eventually(lambda: all(node.token(client).status_code == 401 for node in nodes), within=60)
    after = eventually(lambda: len(there := listening_sessions(server)) == 2 and there, within=60)
    assert not set(before) & set(after)


def test_every_change_is_in_one_audit_trail(nodes, client, told):
    told("clients", "disable", client.client_id)

    types = {each["type"] for each in told("audit", "list", "--client", client.client_id)}
    assert {"client_created", "client_disabled"} <= types
    told("audit", "verify")
