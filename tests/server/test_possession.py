"""DPoP at the token endpoint: tokens bound to a key, by a proof that counts once."""

import asyncio
from dataclasses import replace

import pytest

from tests.protocol.jose import key_for
from tests.protocol.proofs import proof
from tests.server.booths import BASE_URL, payload_of, running
from tokenbooth.protocol.dpop import PROOF_ALGORITHMS
from tokenbooth.protocol.keys import generate_key
from tokenbooth.server.possession import PROOF_PREFIX
from tokenbooth.server.records import ClientPolicy, IssuerPolicy

TOKEN_URL = f"{BASE_URL}/oauth2/token"
ES256 = key_for("ES256")


@pytest.fixture
async def secret(town):
    return await town.add_client()


async def ask(town, secret, *proofs, path="/oauth2/token", headers=(), client_id="ada", **form):
    """Ask for a token with these proofs."""
    form = {"grant_type": "client_credentials"} | form
    form |= {"client_id": client_id, "client_secret": secret.reveal()}
    sent = [("DPoP", each) for each in proofs] + list(headers)
    return await town.http.post(path, data=form, headers=sent)


def fresh(town, **more):
    return proof(url=more.pop("url", TOKEN_URL), now=town.clock.now(), **more)


async def set_policy(town, **changes):
    await town.change_client("ada", policy=ClientPolicy(**changes))


async def set_issuer_policy(town, **changes):
    record = town.issuer().record
    await town.store.replace_issuer(replace(record, policy=IssuerPolicy(**changes)))
    await town.registry.refresh()


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_the_token_is_bound_to_the_key_that_was_proved(town, token_format):
    secret = await town.add_client(token_format=token_format)

    answer = await ask(town, secret, fresh(town))

    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    token = answer.json()["access_token"]
    told = (await town.introspect(secret, token)).json()
    assert told["cnf"] == {"jkt": ES256.public.thumbprint}
    assert (told["active"], told["token_type"]) == (True, "DPoP")
    if token_format == "jwt":
        assert payload_of(token)["cnf"] == {"jkt": ES256.public.thumbprint}


async def test_without_a_proof_the_token_is_a_bearer_token(town, secret):
    answer = await ask(town, secret)

    assert answer.json()["token_type"] == "Bearer"
    assert "cnf" not in payload_of(answer.json()["access_token"])
    told = (await town.introspect(secret, answer.json()["access_token"])).json()
    assert (told["token_type"], "cnf" in told) == ("Bearer", False)


async def test_a_proof_is_remembered_for_one_request_alone(town, secret):
    await ask(town, secret, fresh(town))

    assert "cnf" not in payload_of((await ask(town, secret)).json()["access_token"])
    other = generate_key("EdDSA")
    again = await ask(town, secret, fresh(town, key=other))
    assert payload_of(again.json()["access_token"])["cnf"] == {"jkt": other.public.thumbprint}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"header": {"typ": "at+jwt"}}, "typ"),
        ({"header": {"alg": "none"}}, "Sign the proof"),
        ({"header": {"jwk": {"kty": "oct", "k": "AAAA"}}}, "public"),
        ({"signed_by": generate_key("ES256")}, "not signed"),
        ({"method": "GET"}, "htm"),
        ({"url": "https://other.example.com/oauth2/token"}, "htu"),
        ({"url": f"{TOKEN_URL}?a=b"}, "htu"),
        ({"iat": 1}, "iat"),
        ({"jti": ""}, "jti"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_proof_is_refused_by_name(town, secret, changes, said):
    answer = await ask(town, secret, fresh(town, **changes))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert said in answer.json()["error_description"]


async def test_two_proofs_are_one_too_many(town, secret):
    answer = await ask(town, secret, fresh(town), fresh(town))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


async def test_a_stranger_learns_nothing_from_a_proof(town, secret):
    answer = await town.http.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials", "client_id": "ada", "client_secret": "no"},
        headers={"DPoP": "nonsense"},
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_the_host_header_moves_no_target(town, secret):
    evil = "https://evil.example.com/oauth2/token"

    answer = await ask(town, secret, fresh(town, url=evil), headers=[("Host", "evil.example.com")])

    assert answer.json()["error"] == "invalid_dpop_proof"


@pytest.mark.parametrize("path", ["/oauth2/token", "/connect/token"])
async def test_each_token_path_of_an_issuer_has_its_own_url(town, path):
    await town.add_issuer("vendor", dialect="trulioo-platform")
    await town.add_api("flow", "https://flow.example", "workflow.studio.api", issuer="vendor")
    secret = await town.add_client(access={"flow": "workflow.studio.api"}, issuer="vendor")
    url = f"{BASE_URL}/vendor{path}"

    answer = await ask(town, secret, fresh(town, url=url), path=f"/vendor{path}")

    assert (answer.status_code, answer.json()["TokenType"]) == (200, "DPoP")


async def test_a_proof_counts_once(town, secret):
    used = fresh(town)
    await ask(town, secret, used)

    answer = await ask(town, secret, used)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert "used before" in answer.json()["error_description"]


async def test_a_proof_counts_once_on_all_nodes(town, secret, settings):
    async with running(settings, town.clock) as other:
        used = fresh(town)
        answers = await asyncio.gather(
            *(ask(each, secret, used) for _ in range(25) for each in (town, other))
        )

    assert [answer.status_code for answer in answers].count(200) == 1


async def test_two_keys_may_name_their_proofs_alike(town, secret):
    for key in (ES256, generate_key("ES256")):
        assert (await ask(town, secret, fresh(town, key=key, jti="same"))).status_code == 200


async def test_used_proofs_are_forgotten_when_they_cannot_be_shown_any_more(town, secret):
    await ask(town, secret, fresh(town))

    now = town.clock.now()
    assert await town.store.forget_claims(PROOF_PREFIX, now + 60) == 0
    assert await town.store.forget_claims("other:", now + 62) == 0
    assert await town.store.forget_claims(PROOF_PREFIX, now + 62) == 1


async def test_a_client_that_must_be_bound_gets_nothing_without_a_proof(town, secret):
    await set_policy(town, dpop_bound=True)

    answer = await ask(town, secret)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert "DPoP" in answer.json()["error_description"]
    assert (await ask(town, secret, fresh(town))).json()["token_type"] == "DPoP"


@pytest.mark.parametrize("whose", ["client", "issuer"])
async def test_a_nonce_may_be_required(town, secret, whose):
    await (set_policy if whose == "client" else set_issuer_policy)(town, dpop_nonce=True)

    first = await ask(town, secret, fresh(town))
    assert (first.status_code, first.json()["error"]) == (400, "use_dpop_nonce")
    nonce = first.headers["dpop-nonce"]
    second = await ask(town, secret, fresh(town, nonce=nonce))
    assert second.status_code == 200
    assert "dpop-nonce" not in second.headers

    town.clock.travel(120)
    third = await ask(town, secret, fresh(town, nonce=nonce))
    assert third.status_code == 200
    assert third.headers["dpop-nonce"] != nonce

    town.clock.travel(400)
    late = await ask(town, secret, fresh(town, nonce=nonce))
    assert (late.json()["error"], late.headers["dpop-nonce"] != nonce) == ("use_dpop_nonce", True)


async def test_a_nonce_that_is_not_ours_is_refused(town, secret):
    await set_policy(town, dpop_nonce=True)

    answer = await ask(town, secret, fresh(town, nonce="bm9uY2U"))

    assert answer.json()["error"] == "use_dpop_nonce"


async def test_a_nonce_of_one_issuer_is_none_of_another(town, secret):
    await set_policy(town, dpop_nonce=True)
    await town.add_issuer("sandbox", policy=IssuerPolicy(dpop_nonce=True))
    await town.add_api("beach", "https://beach.example", "sand", issuer="sandbox")
    theirs = await town.add_client("bob", access={"beach": "sand"}, issuer="sandbox")
    nonce = (await ask(town, secret, fresh(town))).headers["dpop-nonce"]

    answer = await ask(
        town,
        theirs,
        fresh(town, url=f"{BASE_URL}/sandbox/oauth2/token", nonce=nonce),
        path="/sandbox/oauth2/token",
        client_id="bob",
    )

    assert answer.json()["error"] == "use_dpop_nonce"


async def test_a_refused_nonce_uses_up_no_proof(town, secret):
    await set_policy(town, dpop_nonce=True)
    await ask(town, secret, fresh(town))

    assert await town.store.forget_claims(PROOF_PREFIX, town.clock.now() + 9999) == 0


async def test_without_a_key_for_nonces_nothing_is_issued(town):
    await town.add_issuer("bare", policy=IssuerPolicy(dpop_nonce=True))
    await town.add_api("beach", "https://beach.example", "sand", issuer="bare")
    secret = await town.add_client(access={"beach": "sand"}, issuer="bare")
    for key in await town.store.list_keys():
        if (key.issuer, key.purpose) == ("bare", "seal"):
            await town.store.delete_key("bare", key.kid)
    await town.registry.refresh()

    answer = await ask(
        town, secret, fresh(town, url=f"{BASE_URL}/bare/oauth2/token"), path="/bare/oauth2/token"
    )

    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


@pytest.fixture
async def phone(town):
    await town.add_issuer("phone", refresh_tokens=True)
    await town.add_api("calls", "https://calls.example", "calls:read", issuer="phone")
    town.secret = await town.add_client(access={"calls": "calls:read"}, issuer="phone")
    return town


async def refreshed(town, token, *proofs):
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return await ask(town, town.secret, *proofs, path="/phone/oauth2/token", **form)


async def test_a_bound_family_stays_bound_and_may_change_its_key(phone):
    url = f"{BASE_URL}/phone/oauth2/token"
    first = await ask(phone, phone.secret, fresh(phone, url=url), path="/phone/oauth2/token")
    token = first.json()["refresh_token"]

    without = await refreshed(phone, token)
    assert (without.status_code, without.json()["error"]) == (400, "invalid_dpop_proof")

    other = generate_key("ES256")
    second = await refreshed(phone, token, fresh(phone, url=url, key=other))
    assert payload_of(second.json()["access_token"])["cnf"] == {"jkt": other.public.thumbprint}
    without = await refreshed(phone, second.json()["refresh_token"])
    assert without.json()["error"] == "invalid_dpop_proof"


async def test_an_unbound_family_may_be_bound_later(phone):
    url = f"{BASE_URL}/phone/oauth2/token"
    first = await ask(phone, phone.secret, path="/phone/oauth2/token")

    second = await refreshed(phone, first.json()["refresh_token"], fresh(phone, url=url))

    assert second.json()["token_type"] == "DPoP"


async def test_a_used_proof_spends_no_refresh_token(phone):
    url = f"{BASE_URL}/phone/oauth2/token"
    used = fresh(phone, url=url)
    first = await ask(phone, phone.secret, used, path="/phone/oauth2/token")

    token = first.json()["refresh_token"]
    assert (await refreshed(phone, token, used)).json()["error"] == "invalid_dpop_proof"
    assert (await refreshed(phone, token, fresh(phone, url=url))).status_code == 200


async def test_the_algorithms_of_proofs_are_advertised(town):
    told = (await town.http.get("/.well-known/oauth-authorization-server")).json()

    assert told["dpop_signing_alg_values_supported"] == list(PROOF_ALGORITHMS)


async def test_the_log_names_the_key_and_not_the_proof(log, town):
    secret = await town.add_client()
    used = fresh(town)
    await ask(town, secret, used)

    assert ES256.public.thumbprint in log()
    assert used not in log()
