"""private_key_jwt at the token endpoint: whose key, which algorithm, how often, in what words."""

import itertools
from time import perf_counter

import pytest

from tests.protocol.jose import compact, key_for
from tests.remote.local_server import as_json, local_server
from tests.server.booths import BASE_URL, payload_of, running
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, make_client_assertion
from tokenbooth.protocol.keys import generate_key
from tokenbooth.server.authenticated import REFUSAL
from tokenbooth.server.client_keys import key_data, key_place_data
from tokenbooth.server.records import ClientPolicy, Credential
from tokenbooth.server.settings import Settings

_numbers = itertools.count()
METHODS = ("private_key_jwt",)


async def add_keys(town, *data, client_id="ada", expires_at=None):
    for each in data:
        await town.store.add_credential(
            Credential(
                id=f"key{next(_numbers)}",
                issuer="default",
                client_id=client_id,
                kind="jwk",
                data=each,
                created_at=town.clock.now(),
                expires_at=expires_at,
            )
        )
    await town.registry.refresh()


async def add_signer(town, key, client_id="ada", **changes):
    changes = {"auth_methods": METHODS} | changes
    await town.add_client(client_id, **changes)
    await add_keys(town, key_data(key.public), client_id=client_id)


def made(town, key, client_id="ada", **changed):
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": BASE_URL,
        "exp": town.clock.now() + 60,
        "jti": f"jti{next(_numbers)}",
    } | changed
    return compact({"alg": key.alg, "kid": key.kid}, claims, key=key)


async def ask(town, assertion, path="/oauth2/token", **form):
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": assertion,
    } | form
    return await town.http.post(path, data=form)


async def refusal(town, assertion, **form):
    answer = await ask(town, assertion, **form)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    return answer.json()["error_description"]


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256", "RS256"])
async def test_a_client_gets_a_token_for_its_signature(town, alg):
    key = key_for(alg)
    await add_signer(town, key)
    assertion = make_client_assertion(
        key, client_id="ada", audience=BASE_URL, jti="x", now=town.clock.now()
    )

    answer = await ask(town, assertion.reveal())

    assert answer.status_code == 200, answer.text
    claims = payload_of(answer.json()["access_token"])
    assert (claims["client_id"], claims["credential_id"][:3]) == ("ada", "key")


async def test_an_assertion_works_once(town):
    await add_signer(town, key_for("ES256"))
    assertion = made(town, key_for("ES256"))

    assert (await ask(town, assertion)).status_code == 200
    assert "used before" in await refusal(town, assertion)


async def test_a_used_assertion_shown_again_uses_up_no_quota(town):
    await add_signer(town, key_for("ES256"), policy=ClientPolicy(quota_per_hour=2))
    seen = made(town, key_for("ES256"))
    assert (await ask(town, seen)).status_code == 200

    for _ in range(5):
        assert "used before" in await refusal(town, seen)

    assert (await ask(town, made(town, key_for("ES256")))).status_code == 200


async def test_a_used_assertion_stays_used_after_a_restart(settings, clock):
    key = key_for("ES256")
    async with running(settings, clock) as town:
        await town.add_api("persons", "https://persons.example.com", "persons:read")
        await add_signer(town, key)
        assertion = made(town, key)
        assert (await ask(town, assertion)).status_code == 200
    async with running(settings, clock) as town:
        assert "used before" in await refusal(town, assertion)


async def test_a_used_assertion_stays_used_when_the_clock_is_set_back(town):
    await add_signer(town, key_for("ES256"))
    assertion = made(town, key_for("ES256"))
    assert (await ask(town, assertion)).status_code == 200
    town.clock.step(-45)
    assert "used before" in await refusal(town, assertion)


async def test_one_identifier_may_be_used_by_two_clients(town):
    for client_id in ("ada", "bob"):
        await add_signer(town, key_for("ES256"), client_id)
    for client_id in ("ada", "bob"):
        assert (
            await ask(town, made(town, key_for("ES256"), client_id, jti="1"))
        ).status_code == 200


async def test_a_refused_request_of_a_stranger_uses_nothing_up(town):
    await add_signer(town, key_for("ES256"))
    forged = made(town, generate_key("ES256"), jti="mine")
    await refusal(town, forged)
    assert (await ask(town, made(town, key_for("ES256"), jti="mine"))).status_code == 200


async def test_every_reason_that_tells_of_clients_gets_the_common_refusal(town):
    key, foreign = key_for("ES256"), generate_key("ES256")
    await add_signer(town, key)
    await add_signer(town, foreign, "bob")
    await add_signer(town, key, "disabled", enabled=False)
    await town.add_client("expired", auth_methods=METHODS)
    await add_keys(town, key_data(key.public), client_id="expired", expires_at=town.clock.now() - 1)
    await town.add_client("keyless")
    other_alg = key_for("EdDSA")

    refused = [
        await refusal(town, made(town, key, "nobody")),
        await refusal(town, made(town, foreign)),  # another client's key
        await refusal(
            town,
            compact(
                {"alg": "ES256", "kid": key.kid},
                {
                    "iss": "ada",
                    "sub": "ada",
                    "aud": BASE_URL,
                    "exp": town.clock.now() + 60,
                    "jti": "f",
                },
                key=foreign,
            ),
        ),
        await refusal(town, made(town, other_alg)),
        await refusal(town, made(town, key, "disabled")),
        await refusal(town, made(town, key, "expired")),
        await refusal(town, made(town, key, "keyless")),
    ]

    assert set(refused) == {REFUSAL}


async def test_unknown_and_known_clients_are_refused_in_the_same_time(town):
    await add_signer(town, key_for("ES256"))
    stranger = generate_key("ES256")
    kinds = {
        "unknown": made(town, stranger, "nobody"),
        "unknown_key": made(town, stranger),
        "bad_signature": made(town, key_for("ES256"))[:-8] + "AAAAAAAA",
    }
    taken = {kind: [] for kind in kinds}
    for _ in range(120):
        for kind, assertion in kinds.items():
            start = perf_counter()
            await ask(town, assertion)
            taken[kind].append(perf_counter() - start)

    # The calmest tenth: what else the machine does only ever adds.
    calm = {kind: sorted(times)[len(times) // 10] for kind, times in taken.items()}
    assert max(calm.values()) < 1.5 * min(calm.values()), calm


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"aud": f"{BASE_URL}/oauth2/token"}, BASE_URL),
        ({"aud": [BASE_URL, "https://other.example"]}, BASE_URL),
        ({"exp": 1}, "clock"),
        ({"exp": 99_999_999_999}, "too late"),
        ({"iat": 99_999_999_999}, "future"),
        ({"jti": None}, "jti"),
    ],
)
async def test_the_maker_of_a_good_signature_is_told_what_is_wrong(town, changed, said):
    await add_signer(town, key_for("ES256"))
    assert said in await refusal(town, made(town, key_for("ES256"), **changed))


@pytest.mark.parametrize("name", ["iss", "sub"])
async def test_an_assertion_names_its_client_as_issuer_and_as_subject(town, name):
    await add_signer(town, key_for("ES256"))
    for value in (None, "bob"):
        await refusal(town, made(town, key_for("ES256"), **{name: value}))
        await refusal(town, made(town, key_for("ES256"), **{name: value}), client_id="ada")


async def test_a_client_id_beside_an_assertion_is_the_one_that_it_names(town):
    for client_id in ("ada", "bob"):
        await add_signer(town, key_for("ES256"), client_id)

    same = await ask(town, made(town, key_for("ES256")), client_id="ada")
    other = await ask(town, made(town, key_for("ES256")), client_id="bob")

    assert payload_of(same.json()["access_token"])["client_id"] == "ada"
    assert (other.status_code, other.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_a_clients_clock_may_be_ten_seconds_ahead_but_not_two_minutes(town, name):
    await add_signer(town, key_for("ES256"))
    for ahead in (0, 10):
        assertion = made(town, key_for("ES256"), **{name: town.clock.now() + ahead})
        assert (await ask(town, assertion)).status_code == 200

    late = made(
        town,
        key_for("ES256"),
        **{"exp": town.clock.now() + 300, name: town.clock.now() + 120},
    )
    assert "future" in await refusal(town, late)


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_assertion_type": ""}, 400, "invalid_request"),
        ({"client_assertion": ""}, 400, "invalid_request"),
        ({"client_assertion_type": "jwt-bearer"}, 401, "invalid_client"),
        ({"client_assertion_type": [JWT_BEARER_ASSERTION] * 2}, 400, "invalid_request"),
    ],
    ids=["no type", "type alone", "wrong type", "two types"],
)
async def test_an_assertion_comes_with_its_one_type(town, changed, status, error):
    await add_signer(town, key_for("ES256"))

    answer = await ask(town, made(town, key_for("ES256")), **changed)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_of_two_assertions_in_one_request_none_counts(town):
    await add_signer(town, key_for("ES256"))
    first, second = made(town, key_for("ES256")), made(town, key_for("ES256"))

    answer = await ask(town, [first, second])

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    for unused in (first, second):
        assert (await ask(town, unused)).status_code == 200


async def test_the_token_of_another_kind_is_no_assertion(town):
    key = key_for("ES256")
    await add_signer(town, key)
    claims = {"iss": "ada", "sub": "ada", "aud": BASE_URL, "exp": town.clock.now() + 9, "jti": "1"}
    for typ in ("at+jwt", "dpop+jwt"):
        assertion = compact({"alg": "ES256", "kid": key.kid, "typ": typ}, claims, key=key)
        assert "typ" in await refusal(town, assertion)


async def test_the_algorithm_is_the_keys_own(town):
    rsa = key_for("RS256")
    await add_signer(town, rsa)
    as_pss = generate_key("PS256")
    forged = compact({"alg": "PS256", "kid": rsa.kid}, {"iss": "ada", "sub": "ada"}, key=as_pss)
    assert await refusal(town, forged) == REFUSAL


async def test_a_client_for_keys_may_not_use_its_secret_and_the_other_way_round(town):
    secret = await town.add_client("ada", auth_methods=METHODS)
    await add_keys(town, key_data(key_for("ES256").public))
    answer = await town.token(secret)
    assert "private_key_jwt" in answer.json()["error_description"]

    await add_signer(town, key_for("ES256"), "bob", auth_methods=("client_secret_basic",))
    assert "client_secret_basic" in await refusal(town, made(town, key_for("ES256"), "bob"))


@pytest.mark.parametrize("is_good", [True, False])
async def test_a_secret_beside_an_assertion_is_refused_however_good_both_are(town, is_good):
    secret = await town.add_client("ada", auth_methods=(*METHODS, "client_secret_post"))
    await add_keys(town, key_data(key_for("ES256").public))
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": JWT_BEARER_ASSERTION,
        "client_assertion": made(town, key_for("ES256")) if is_good else "bad",
    }
    in_body = {"client_id": "ada", "client_secret": secret.reveal()}

    for both in (
        await town.http.post("/oauth2/token", data=form | in_body),
        await town.http.post("/oauth2/token", data=form, auth=("ada", secret.reveal())),
    ):
        assert (both.status_code, both.json()["error"]) == (400, "invalid_request")


async def test_a_key_without_a_registered_name_goes_by_any(town):
    key = key_for("ES256")
    await add_signer(town, key)
    claims = {"iss": "ada", "sub": "ada", "aud": BASE_URL, "exp": town.clock.now() + 60}
    for number, header in enumerate(({}, {"kid": "what-the-library-says"})):
        assertion = compact({"alg": "ES256", **header}, {**claims, "jti": str(number)}, key=key)
        assert (await ask(town, assertion)).status_code == 200


async def test_while_a_key_is_rotated_both_work(town):
    old, new = key_for("ES256"), generate_key("ES256")
    await add_signer(town, old)
    await add_keys(town, key_data(new.public))
    for key in (old, new):
        assert (await ask(town, made(town, key))).status_code == 200


async def test_a_damaged_key_takes_nothing_else_down(town):
    await add_signer(town, key_for("ES256"))
    await add_keys(town, "no json", '{"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}', "{}")
    assert (await ask(town, made(town, key_for("ES256")))).status_code == 200


async def test_introspection_and_revocation_take_assertions_too(town):
    key = key_for("ES256")
    await add_signer(town, key)
    token = (await ask(town, made(town, key))).json()["access_token"]
    answer = await ask(town, made(town, key), "/oauth2/introspect", token=token)
    assert answer.json()["active"] is True
    assert (await ask(town, made(town, key), "/oauth2/revoke", token=token)).status_code == 200


async def test_the_metadata_names_the_method_and_its_algorithms(town):
    answer = await town.http.get("/.well-known/oauth-authorization-server")
    for endpoint in ("token", "introspection", "revocation"):
        assert "private_key_jwt" in answer.json()[f"{endpoint}_endpoint_auth_methods_supported"]
        algorithms = answer.json()[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert {"ES256", "PS256", "EdDSA"} <= set(algorithms)
        assert not {"none", "HS256"} & set(algorithms)


@pytest.fixture
async def publishing(settings, clock, template):
    """A town that may ask this machine for keys, and the server that publishes them."""
    with local_server() as server:
        allowed = Settings(
            database=settings.database,
            change_poll_seconds=60.0,
            allow_private_addresses_for_federation="127.0.0.1",
        )
        async with running(allowed, clock) as town:
            await town.add_api("persons", "https://persons.example.com", "persons:read")
            await town.add_client("ada", auth_methods=METHODS)
            await add_keys(town, key_place_data(f"{server.url}/jwks"))
            yield town, server


def publish(server, *keys, status=200):
    document = {"keys": [key.public.to_jwk() for key in keys]}
    server.on("/jwks", lambda seen: as_json(document, status))


async def test_published_keys_are_fetched_once(publishing):
    town, server = publishing
    publish(server, key_for("ES256"), key_for("EdDSA"))
    for key in (key_for("ES256"), key_for("EdDSA"), key_for("ES256")):
        assert (await ask(town, made(town, key))).status_code == 200
    assert len(server.seen_at("/jwks")) == 1


async def test_unknown_keys_make_one_fetch_per_cooldown(publishing):
    town, server = publishing
    publish(server, key_for("ES256"))
    for _ in range(10):
        assert await refusal(town, made(town, generate_key("ES256"))) == REFUSAL
    assert len(server.seen_at("/jwks")) == 1

    new = generate_key("ES256")
    publish(server, new)
    town.clock.travel(31)
    assert (await ask(town, made(town, new))).status_code == 200
    assert len(server.seen_at("/jwks")) == 2


async def test_an_outage_of_the_clients_key_server_is_no_refusal(publishing):
    town, server = publishing
    publish(server, key_for("ES256"), status=500)
    answer = await ask(town, made(town, key_for("ES256")))
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["retry-after"]) >= 1


async def test_published_keys_survive_an_outage(publishing):
    town, server = publishing
    publish(server, key_for("ES256"))
    assert (await ask(town, made(town, key_for("ES256")))).status_code == 200
    publish(server, status=500)
    town.clock.travel(700)
    assert (await ask(town, made(town, key_for("ES256")))).status_code == 200


async def test_a_stranger_causes_no_fetch(publishing):
    town, server = publishing
    publish(server, key_for("ES256"))
    await refusal(town, made(town, key_for("ES256"), "nobody"))
    assert server.seen == []


async def test_a_private_address_is_not_asked_for_keys(town):
    with local_server() as server:
        publish(server, key_for("ES256"))
        await town.add_client("ada", auth_methods=METHODS)
        await add_keys(town, key_place_data(f"{server.url}/jwks"))
        assert (await ask(town, made(town, key_for("ES256")))).status_code == 503
        assert server.seen == []
