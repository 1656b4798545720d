"""Who is calling: one method, and one refusal that tells nothing of the clients there are."""

import base64
from time import perf_counter

import pytest

from tests.server.booths import FORM
from tokenbooth.protocol.client_auth import basic_authorization, read_client
from tokenbooth.protocol.errors import InvalidClient
from tokenbooth.protocol.form import Form
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.authentication import authenticate
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.stores.sql import SqlStore


async def with_basic(town, header, path="/oauth2/token"):
    return await town.http.post(
        path, content=b"grant_type=client_credentials", headers=[FORM, (b"authorization", header)]
    )


def basic(text):
    return b"Basic " + base64.b64encode(text.encode())


async def reason(town, client_id, secret, issuer="default"):
    """The private reason of a refusal."""
    presented = read_client(
        Form({"client_id": client_id, "client_secret": secret.reveal()}, {}), ()
    )
    with pytest.raises(InvalidClient) as caught:
        await authenticate(
            presented,
            issuer=town.issuer(issuer),
            service=town.service,
            outcome=Outcome("192.0.2.7"),
            now=town.clock.now(),
        )
    return caught.value.reason


@pytest.fixture
async def refused(town):
    """A good secret of nobody's, and every kind of pair that gets the common refusal."""
    now = town.clock.now()
    stray = town.booth.secrets.make(town.issuer().record.tag, "credential01")
    await town.add_client("ada")
    disabled = await town.add_client("disabled", enabled=False)
    expired = await town.add_client("expired", expires_at=now + 60)
    town.clock.travel(60)
    return {
        "unknown_client": ("nobody", stray),
        "wrong_secret": ("ada", stray),
        "client_disabled": ("disabled", disabled),
        "expired_secret": ("expired", expired),
    }


async def test_every_refusal_looks_the_same(town, refused):
    answers = [
        await town.token(secret, client_id=client_id) for client_id, secret in refused.values()
    ]

    shown = {
        (
            answer.status_code,
            answer.content,
            tuple((k, v) for k, v in answer.headers.items() if k != "x-request-id"),
        )
        for answer in answers
    }
    assert len(shown) == 1
    assert answers[0].status_code == 401
    assert answers[0].json()["error"] == "invalid_client"


async def test_the_log_knows_every_reason(town, refused):
    for expected, (client_id, secret) in refused.items():
        assert await reason(town, client_id, secret) == expected


class CountingStore(SqlStore):
    """The real store, which counts how often it is asked for a client."""

    asked = 0

    async def get_client(self, issuer, client_id):
        self.asked += 1
        return await super().get_client(issuer, client_id)


@pytest.fixture
async def counting(town):
    store = CountingStore(town.store._engine, town.clock)
    town.registry._store = store
    return store


async def test_every_refusal_asks_the_store_once(town, refused, counting):
    for _ in range(2):  # the second time some of them are remembered
        for client_id, secret in refused.values():
            before = counting.asked
            await town.token(secret, client_id=client_id)
            assert counting.asked == before + 1


async def test_a_known_client_costs_no_look_into_the_store(town, counting):
    secret = await town.add_client()
    await town.token(secret)
    before = counting.asked

    for _ in range(5):
        assert (await town.token(secret)).status_code == 200

    assert counting.asked == before


async def test_unknown_and_known_clients_are_refused_in_the_same_time(town, refused):
    async def seconds(kind):
        client_id, secret = refused[kind]
        presented = read_client(
            Form({"client_id": client_id, "client_secret": secret.reveal()}, {}), ()
        )
        start = perf_counter()
        with pytest.raises(InvalidClient):
            await authenticate(
                presented,
                issuer=town.issuer(),
                service=town.service,
                outcome=Outcome("nowhere"),  # a source that no failure counts for
                now=town.clock.now(),
            )
        return perf_counter() - start

    taken = {kind: [] for kind in refused}
    for _ in range(400):
        for kind, times in taken.items():
            times.append(await seconds(kind))

    # The calmest tenth: what else the machine does only ever adds.
    calm = {kind: sorted(times)[len(times) // 10] for kind, times in taken.items()}
    assert max(calm.values()) < 1.5 * min(calm.values()), calm


@pytest.mark.parametrize("encode", [False, True])
async def test_both_readings_of_basic_are_accepted(town, encode):
    secret = Secret("s+e/c:r%t\u00e9")
    await town.add_client("a b:c" if encode else "a b", access={"persons": "persons:read"})
    client_id = "a b:c" if encode else "a b"
    await town.add_secret(client_id, secret=secret)
    await town.registry.refresh()

    header = basic_authorization(client_id, secret, raw=not encode).reveal().encode()
    answer = await with_basic(town, header)

    assert answer.status_code == 200


async def test_the_vector_of_another_library_is_accepted(town):
    await town.add_client("a b:c")
    await town.add_secret("a b:c", secret=Secret("s+e/c:r%t"))
    await town.registry.refresh()

    answer = await with_basic(town, b"basic YStiJTNBYzpzJTJCZSUyRmMlM0FyJTI1dA==")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic ",
        b"Basic !!!",
        b"Basic " + base64.b64encode(b"nocolon"),
        b"Basic " + base64.b64encode(b":secret"),
        b"Basic " + base64.b64encode(b"\xff\xfe:secret"),
        b"Basic " + base64.b64encode(b"ada:" + b"x" * 10_000),
        b"Bearer abc",
        b"\xe9\xff",
        b"",
        basic("ada\0:secret"),
        basic("ada:secret\n"),
    ],
)
async def test_a_bad_authorization_header_is_answered_with_401(town, header):
    answer = await with_basic(town, header)

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"] == 'Basic realm="default"'


async def test_two_methods_are_refused_even_when_one_is_good(town):
    secret = await town.add_client()
    header = basic_authorization("ada", secret).reveal()

    for form in (
        {"client_id": "ada", "client_secret": secret.reveal()},
        {"client_secret": "wrong"},
    ):
        answer = await town.http.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"} | form,
            headers={"Authorization": header},
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_client_id_in_the_body_never_changes_who_is_calling(town):
    ada = await town.add_client("ada")
    await town.add_client("bob", access={"orders": "orders:read"})

    answer = await town.http.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials", "client_id": "bob"},
        headers={"Authorization": basic_authorization("ada", ada).reveal()},
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_client_without_a_secret_gets_no_token(town):
    await town.add_client()

    for form in ({"client_id": "ada"}, {}, {"client_id": "ada", "client_secret": ""}):
        answer = await town.http.post(
            "/oauth2/token", data={"grant_type": "client_credentials"} | form
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_secret_in_the_address_is_refused(town):
    secret = await town.add_client()
    path = f"/oauth2/token?client_id=ada&client_secret={secret.reveal()}"

    answer = await town.http.post(path, data={"grant_type": "client_credentials"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_the_method_that_a_client_is_registered_for_is_enforced(town):
    secret = await town.add_client(auth_methods=("client_secret_basic",))

    answer = await town.token(secret)

    assert answer.status_code == 401
    assert "must use client_secret_basic" in answer.json()["error_description"]
    header = basic_authorization("ada", secret).reveal().encode()
    assert (await with_basic(town, header)).status_code == 200


async def test_a_client_with_two_secrets_may_use_either(town):
    first = await town.add_client()
    second = await town.add_secret("ada")
    await town.registry.refresh()

    assert (await town.token(first)).status_code == 200
    assert (await town.token(second)).status_code == 200


async def test_an_old_secret_stops_at_its_deadline(town, clock):
    old = await town.add_client(expires_at=clock.now() + 60)
    new = await town.add_secret("ada")
    await town.registry.refresh()

    clock.travel(59.9)
    assert (await town.token(old)).status_code == 200
    clock.travel(0.1)
    assert (await town.token(old)).status_code == 401
    assert (await town.token(new)).status_code == 200


async def test_the_secret_of_one_client_opens_no_other(town):
    ada = await town.add_client("ada")
    await town.add_client("bob")

    assert (await town.token(ada, client_id="bob")).status_code == 401


async def test_a_secret_of_another_environment_is_named_as_such(town):
    await town.add_issuer("sandbox")
    secret = await town.add_client()

    answer = await town.token(secret, path="/sandbox/oauth2/token")

    assert answer.status_code == 401
    assert answer.json()["error_description"] == (
        "This secret belongs to the issuer https://auth.example.com, "
        "but https://auth.example.com/sandbox was called."
    )


async def test_a_damaged_secret_is_explained_alike_for_known_and_unknown_clients(town):
    secret = await town.add_client()
    damaged = Secret(secret.reveal()[:-3])

    known = await town.token(damaged)
    unknown = await town.token(damaged, client_id="nobody")

    assert known.json() == unknown.json()
    assert "3 characters short" in known.json()["error_description"]
