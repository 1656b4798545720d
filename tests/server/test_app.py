"""The whole application: when the database, a key or a dialect is away, and what is logged."""

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import httpx2
import pytest

from tests.server.booths import BASE_URL, PERSONS, running
from tokenbooth.protocol.client_auth import basic_authorization
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.app import TokenService
from tokenbooth.server.keyring import Keyring, new_issuer_keys
from tokenbooth.server.records import Credential
from tokenbooth.server.stores import sqlite_driver
from tokenbooth.server.vault import Vault

pytestmark = pytest.mark.usefixtures("log")  # before the service is there


def assert_unavailable(answer):
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["cache-control"] == "no-store"


@pytest.fixture
async def token(town):
    town.secret = await town.add_client()
    return (await town.token(town.secret)).json()["access_token"]


async def test_a_removed_database_gives_503_and_never_a_wrong_answer(town, token, database):
    database.unlink()

    assert_unavailable(await town.introspect(town.secret, token))
    assert_unavailable(await town.revoke(town.secret, token))
    assert (await town.http.get("/readyz")).status_code == 503
    assert (await town.http.get("/healthz")).status_code == 200


async def test_a_closed_database_gives_503(town, token):
    await town.store.close()

    assert_unavailable(await town.introspect(town.secret, token))
    assert_unavailable(await town.revoke(town.secret, token))
    assert_unavailable(await town.token(town.secret, client_id="nobody"))


async def test_known_clients_get_tokens_while_the_database_is_away(town, token, database):
    database.unlink()

    assert (await town.token(town.secret)).status_code == 200
    assert (await town.http.get("/.well-known/jwks.json")).status_code == 200


@pytest.fixture
def impatient(monkeypatch):
    """Writers give up soon, so that a test need not wait as long as they otherwise would."""
    monkeypatch.setattr(sqlite_driver, "WRITE_WAIT", 0.2)


async def test_a_locked_database_gives_503_to_what_must_be_written_alone(
    impatient, token, town, database
):
    with closing(sqlite_driver.connect(database, wait=1.0)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert_unavailable(await town.revoke(town.secret, token))
        assert (await town.http.get("/readyz")).status_code == 503
        assert (await town.token(town.secret)).status_code == 200
        assert (await town.introspect(town.secret, token)).json()["active"] is True

    assert (await town.revoke(town.secret, token)).status_code == 200
    assert (await town.introspect(town.secret, token)).json() == {"active": False}


async def test_a_refresh_token_is_not_spent_while_the_database_is_away(town, database):
    await town.add_issuer("phone", refresh_tokens=True)
    await town.add_api("persons", PERSONS, "persons:read", issuer="phone")
    secret = await town.add_client(issuer="phone")
    path = "/phone/oauth2/token"
    refresh_token = (await town.token(secret, path=path)).json()["refresh_token"]
    aside = database.with_name("aside.db")
    database.rename(aside)

    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    assert_unavailable(await town.token(secret, path=path, **form))
    aside.rename(database)
    assert (await town.token(secret, path=path, **form)).status_code == 200


async def test_a_dialect_without_a_file_takes_down_its_issuer_alone(town):
    await town.add_issuer("lost", dialect="vanished")
    secret = await town.add_client()

    assert_unavailable(await town.http.post("/lost/oauth2/token"))
    assert_unavailable(await town.http.get("/lost/.well-known/jwks.json"))
    assert_unavailable(await town.http.get("/.well-known/oauth-authorization-server/lost"))
    assert (await town.token(secret)).status_code == 200
    ready = await town.http.get("/readyz")
    assert (ready.status_code, ready.json()["unusable_issuers"]) == (200, ["lost"])


async def test_starts_although_an_issuer_lacks_its_dialect(settings, clock, log):
    async with running(settings, clock) as town:
        await town.add_issuer("lost", dialect="vanished")

    async with running(settings, clock) as town:
        assert (await town.http.post("/oauth2/token")).status_code == 400
        assert_unavailable(await town.http.post("/lost/oauth2/token"))
    assert "TOKENBOOTH_DIALECTS" in log()


async def test_a_key_of_another_master_key_takes_down_its_issuer_alone(town):
    lost = await town.add_issuer("lost", keys=False)
    for key in new_issuer_keys(lost, Vault(b"x" * 32), town.clock.now()):
        await town.store.add_key(key)
    await town.registry.refresh()
    secret = await town.add_client()

    assert_unavailable(await town.http.post("/lost/oauth2/token"))
    assert (await town.token(secret)).status_code == 200


async def test_an_issuer_without_a_key_in_use_issues_nothing_and_says_so(town, clock):
    secret = await town.add_client()
    keys = [key for key in await town.store.list_keys() if key.purpose == "sign"]
    await town.store.replace_keys([replace(key, retires_at=clock.now()) for key in keys])
    await town.registry.refresh()

    assert_unavailable(await town.token(secret))
    ready = await town.http.get("/readyz")
    assert ready.json()["missing"] == ["issuer default has no key in use"]


async def test_a_service_that_can_open_no_issuers_keys_is_not_ready(town):
    stored = [key for key in await town.store.list_keys() if key.issuer == "default"]
    await town.store.replace_keys([replace(key, sealed=b"damaged") for key in stored])
    town.registry._keyring = Keyring(town.booth.vault)
    await town.registry.refresh()

    ready = await town.http.get("/readyz")

    assert (ready.status_code, ready.json()["missing"]) == (503, ["no issuer can be used"])


async def test_is_ready_when_everything_is_there(town):
    ready = await town.http.get("/readyz")

    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert ready.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_is_read_with_get(town, path):
    answer = await town.http.post(path)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert (await town.http.head(path)).content == b""


@pytest.mark.parametrize("path", ["/", "/nothing", "/oauth2", '/"\\%0d%0a', "/\u00e9"])
async def test_nothing_is_found_politely(town, path):
    answer = await town.http.get(path)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_a_mounted_application_gets_its_own_paths(settings, clock):
    async def hello(scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    async def mounts(_booth):
        return {"/demo": hello}

    app = TokenService(settings, base_url=BASE_URL, make_mounts=mounts, clock=clock)
    async with (
        app.running(),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE_URL) as http,
    ):
        assert (await http.get("/demo/whoami")).content == b"/demo/whoami"
        assert (await http.get("/demonstration")).status_code == 404


async def test_a_websocket_is_closed(town):
    sent = []

    async def send(message):
        sent.append(message)

    await town.app({"type": "websocket", "path": "/oauth2/token"}, None, send)

    assert sent == [{"type": "websocket.close", "code": 1000}]


def lines(log):
    return [json.loads(line) for line in log().splitlines()]


async def test_one_line_tells_what_was_issued_to_whom_and_from_where(town, log):
    secret = await town.add_client()
    answer = await town.token(secret)

    (line,) = [line for line in lines(log) if line["event"] == "issued"]
    assert line["client_id"] == "ada"
    assert line["source"] == "127.0.0.1"
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["issuer"], line["endpoint"], line["status"]) == ("default", "token", 200)
    assert line["scope"] == "persons:read"
    assert {"token_id", "credential_id", "method"} <= set(line)


async def test_a_refusal_is_logged_with_its_private_reason(town, log):
    secret = await town.add_client(enabled=False)
    answer = await town.token(secret)

    (line,) = [line for line in lines(log) if line["event"] == "refused"]
    assert (line["error"], line["reason"]) == ("invalid_client", "client_disabled")
    assert (line["client_id"], line["source"]) == ("ada", "127.0.0.1")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "client_disabled" not in answer.text


async def test_no_secret_and_no_token_is_ever_logged(town, log):
    await town.add_issuer("phone", refresh_tokens=True)
    await town.add_api("persons", PERSONS, "persons:read", issuer="phone")
    secret = await town.add_client(issuer="phone")
    base = "/phone/oauth2"
    first = (await town.token(secret, path=f"{base}/token")).json()
    hidden = [secret.reveal(), first["access_token"], first["refresh_token"]]
    refreshing = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    again = (await town.token(secret, path=f"{base}/token", **refreshing)).json()
    hidden += [again["access_token"], again["refresh_token"]]
    for token in hidden[1:]:
        await town.introspect(secret, token, path=f"{base}/introspect")
        await town.revoke(secret, token, path=f"{base}/revoke")
        await town.introspect(Secret(token), token, path=f"{base}/introspect")
        await town.token(secret, path=f"{base}/token", client_id=token)
    swapped = {"client_id": secret.reveal(), "client_secret": "ada"}
    await town.http.post(f"{base}/token", data={"grant_type": "client_credentials"} | swapped)
    await town.http.post(f"{base}/token?client_secret={secret.reveal()}", data=swapped)
    await town.http.get(f"/{secret.reveal()}")
    header = basic_authorization(secret.reveal(), secret).reveal()
    await town.http.post(f"{base}/token", headers={"Authorization": header}, data={"a": "b"})

    logged = log()
    assert "issued" in logged
    for text in hidden:
        assert text not in logged
        assert text[-16:] not in logged


async def test_a_client_id_forges_no_line_of_the_log(town, log):
    secret = town.booth.secrets.make("tag", "credential01")
    await town.token(secret, client_id='x\n{"event":"issued"}\x1b[31m')

    (line,) = [line for line in lines(log) if line["event"] == "refused"]
    assert line["client_id"] == "x?{'event':'issued'}?[31m"


@pytest.fixture
async def broken(town):
    """A client whose stored digest no code of ours wrote: the service must fail on it."""
    secret = await town.add_client(access={"persons": "persons:read"})
    await town.store.add_credential(
        Credential(
            id="foreign",
            issuer="default",
            client_id="ada",
            kind="secret",
            data="hmac-sha256$nonsense",
            created_at=town.clock.now(),
        )
    )
    await town.registry.refresh()
    return secret


async def test_a_fault_of_ours_is_shown_to_nobody(town, broken, log):
    answer = await town.token(broken)

    assert (answer.status_code, answer.json()) == (500, {"error": "server_error"})
    (line,) = [line for line in lines(log) if line["event"] == "internal_error"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" in line["exception"]
    assert broken.reveal() not in line["exception"]


def test_the_traceback_for_people_shows_no_local_variables():
    program = (
        "from tokenbooth.server.logs import configure_logs, get_logger\n"
        "configure_logs('console', 'info')\n"
        "def fail(form):\n    raise ValueError('no reason')\n"
        "try:\n    fail('hunter' + '2')\n"
        "except ValueError:\n    get_logger().exception('internal_error')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "no reason" in done.stderr
    assert "hunter2" not in done.stderr
