"""Workloads without secrets: what another issuer says of them, under the client's own rules."""

import json
from dataclasses import replace

import anyio
import pytest

from tests.protocol.jose import compact, key_for
from tests.remote.local_server import Reply, as_json, local_server
from tests.server.booths import BASE_URL, payload_of, running
from tests.server.proofs.outside import REPO, SVID, Outside
from tokenbooth.management.clients.clients import set_enabled
from tokenbooth.management.clients.credentials import remove_credential
from tokenbooth.management.clients.federation import set_distrusted, trusted_issuer
from tokenbooth.protocol.keys import generate_key
from tokenbooth.server.authenticated import REFUSAL
from tokenbooth.server.proofs.decoys import _nobodys_key

POD = {
    "sub": "system:serviceaccount:shop:till",
    "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "till", "uid": "1"}},
}


async def refused(answer):
    answer = await answer
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == "invalid_client"
    return answer.json()["error_description"]


async def test_a_workload_gets_a_token_for_what_its_platform_says(outside):
    credential_id = await outside.trust()
    answer = await outside.ask(outside.token())
    assert answer.status_code == 200, answer.text
    claims = payload_of(answer.json()["access_token"])
    assert claims["sub"] == claims["client_id"] == "ada"
    assert claims["credential_id"] == credential_id


async def test_metadata_and_keys_are_fetched_once_for_many_tokens(outside):
    await outside.trust()
    for _ in range(5):
        assert (await outside.ask(outside.token())).status_code == 200
    assert outside.fetched("/.well-known/openid-configuration") == 1
    assert outside.fetched("/keys") == 1


async def test_the_place_of_the_keys_may_be_given(outside):
    await outside.trust(jwks_uri=f"{outside.url}/keys")
    assert (await outside.ask(outside.token())).status_code == 200
    assert outside.fetched("/.well-known/openid-configuration") == 0


async def test_an_issuer_that_the_client_does_not_name_causes_no_fetch(outside):
    await outside.trust()
    with local_server() as listener:
        stranger = Outside(outside.town, listener)
        assert await refused(outside.ask(stranger.token())) == REFUSAL
        assert await refused(outside.ask(stranger.token(iss=f"{stranger.url}/../"))) == REFUSAL
        assert await refused(outside.ask(stranger.svid())) != ""
        assert listener.seen == []
    assert outside.server.seen == []


async def test_trust_is_the_clients_own(outside):
    await outside.trust()
    await outside.town.add_client("bob")
    assert await refused(outside.ask(outside.token(), client_id="bob")) == REFUSAL
    assert await refused(outside.ask(outside.token(), client_id="nobody")) == REFUSAL
    assert outside.server.seen == []


async def test_every_reason_that_tells_of_clients_gets_the_common_refusal(outside):
    await outside.trust()
    stranger = generate_key("ES256")
    for assertion in (
        outside.token(sub="repo:other/app:x"),
        outside.token(aud="https://other.example"),
        outside.token(key=stranger),
        compact({"alg": "ES256", "kid": outside.key.kid}, outside.claims(), key=stranger),
    ):
        assert await refused(outside.ask(assertion)) == REFUSAL


async def test_a_signature_is_checked_even_where_no_key_is_at_hand(outside):
    # Otherwise its time would tell that the client exists and trusts that issuer.
    credential_id = await outside.trust()
    assert (await outside.ask(outside.token())).status_code == 200
    decoys = checks_against_nothing()
    unknown_key = outside.token(key=generate_key("ES256"))

    await refused(outside.ask(outside.token(), client_id="nobody"))
    await refused(outside.ask(unknown_key))
    registered = await outside.town.store.get_client("default", "ada")
    (trust,) = [each for each in registered.credentials if each.id == credential_id]
    await outside.town.store.replace_credential(replace(trust, expires_at=1))
    await outside.town.change_client("ada")
    await refused(outside.ask(outside.token()))
    await outside.town.change_client("ada", enabled=False)
    await refused(outside.ask(outside.token()))

    assert checks_against_nothing() == decoys + 4


def checks_against_nothing():
    seen = _nobodys_key.cache_info()
    return seen.hits + seen.misses


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": 9_999_999_999}, "too late"),
        ({"nbf": 9_999_999_999}, "future"),
        ({"jti": 7}, "jti"),
        ({"typ": "at+jwt"}, "typ"),
        ({"typ": "dpop+jwt"}, "typ"),
        ({"typ": "client-authentication+jwt"}, "typ"),
    ],
)
async def test_what_anybody_can_see_of_the_token_is_said(outside, changed, said):
    await outside.trust()
    assert said in await refused(outside.ask(outside.token(**changed)))


@pytest.mark.parametrize(
    "audience", [[BASE_URL, "https://other.example"], [], f"{BASE_URL}/oauth2/token", None]
)
async def test_we_are_the_sole_audience(outside, audience):
    await outside.trust()
    assert await refused(outside.ask(outside.token(aud=audience))) == REFUSAL


async def test_another_audience_may_be_agreed_on(outside):
    await outside.trust("sub=repo:my-org/my-app:*", "aud=my-booth")
    assert (await outside.ask(outside.token(aud=["my-booth"]))).status_code == 200
    assert await refused(outside.ask(outside.token())) == REFUSAL


@pytest.mark.parametrize(
    ("rules", "fits"),
    [
        (["sub=repo:my-org/my-app:*", "ref=refs/heads/main"], True),
        (["sub=repo:my-org/my-app:*", "ref=refs/heads/release/*"], False),
        (["repository=my-org/*", "ref=refs/*"], True),
        ([f"sub={REPO}", "environment=production"], False),
    ],
)
async def test_every_rule_must_hold(outside, rules, fits):
    await outside.trust(*rules)
    assert ((await outside.ask(outside.token())).status_code == 200) is fits


async def test_nested_claims_of_a_cluster_count(outside):
    await outside.trust("kubernetes.io.namespace=shop", "kubernetes.io.serviceaccount.name=till")
    assert (await outside.ask(outside.token(**POD))).status_code == 200
    other = {**POD, "kubernetes.io": {**POD["kubernetes.io"], "namespace": "bank"}}
    assert await refused(outside.ask(outside.token(**other))) == REFUSAL


async def test_one_of_several_trusted_identities_is_enough(outside):
    first = await outside.trust("sub=repo:my-org/other:*")
    second = await outside.trust("sub=repo:my-org/my-app:*")
    answer = await outside.ask(outside.token())
    assert payload_of(answer.json()["access_token"])["credential_id"] == second != first


async def test_a_token_counts_once(outside):
    await outside.trust()
    token = outside.token()
    assert (await outside.ask(token)).status_code == 200
    assert "used before" in await refused(outside.ask(token))
    assert (await outside.exchange(token)).json()["error"] == "invalid_grant"


async def test_a_refused_request_leaves_the_token_usable(outside):
    await outside.trust()
    token = outside.token()
    answer = await outside.ask(token, scope="persons:admin")
    assert answer.json()["error"] == "invalid_scope"
    assert (await outside.ask(token)).status_code == 200


async def test_a_token_that_a_cluster_writes_into_a_file_may_be_shown_again(outside):
    await outside.trust(single_use=False)
    token = outside.token()
    assert [(await outside.ask(token)).status_code for _ in range(3)] == [200] * 3


async def test_claims_are_copied_where_the_operator_says_so(outside):
    await outside.trust(copied_claims=["repository", "missing"])
    claims = payload_of((await outside.ask(outside.token())).json()["access_token"])
    assert claims["repository"] == "my-org/my-app"
    assert "missing" not in claims
    assert "ref" not in claims


async def test_copied_claims_are_those_of_this_very_token(outside):
    await outside.trust("sub=repo:my-org/my-app:*", copied_claims=["ref"])
    for ref in ("refs/heads/a", "refs/heads/b"):
        answer = await outside.ask(outside.token(ref=ref))
        assert payload_of(answer.json()["access_token"])["ref"] == ref


async def test_a_copied_claim_that_is_too_large_is_refused(outside):
    await outside.trust(copied_claims=["ref"])
    assert await refused(outside.ask(outside.token(ref="x" * 3000))) == REFUSAL


async def test_a_disabled_client_a_removed_credential_and_a_distrusted_issuer_get_nothing(outside):
    # CVE-2026-1486: a disabled identity provider went on vouching.
    town = outside.town
    credential_id = await outside.trust()
    asking = (outside.ask, outside.exchange)

    async def answers():
        await town.registry.refresh()
        return [(await ask(outside.token())).status_code for ask in asking]

    assert await answers() == [200, 200]
    await set_distrusted(town.booth, "default", outside.url, is_distrusted=True)
    assert await answers() == [401, 400]
    await set_distrusted(town.booth, "default", outside.url, is_distrusted=False)
    assert await answers() == [200, 200]
    await set_enabled(town.booth, "ada", enabled=False)
    assert await answers() == [401, 400]
    await set_enabled(town.booth, "ada", enabled=True)
    await remove_credential(town.booth, "ada", credential_id)
    assert await answers() == [401, 400]


async def test_an_expired_credential_gets_nothing(outside):
    credential_id = await outside.trust()
    registered = await outside.town.store.get_client("default", "ada")
    [credential] = [each for each in registered.credentials if each.id == credential_id]
    ended = replace(credential, expires_at=outside.town.clock.now())
    await outside.town.store.replace_credential(ended)
    await outside.town.registry.refresh()
    assert await refused(outside.ask(outside.token())) == REFUSAL


async def test_an_outage_of_the_outside_issuer_is_no_refusal(outside):
    await outside.trust()
    outside.server.on("/keys", lambda seen: Reply(status=500))
    answer = await outside.ask(outside.token())
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


async def test_metadata_in_another_issuers_name_is_not_believed(outside):
    await outside.trust()
    forged = {"issuer": "https://other.example", "jwks_uri": f"{outside.url}/keys"}
    outside.server.on("/.well-known/openid-configuration", lambda seen: as_json(forged))
    assert (await outside.ask(outside.token())).status_code == 503
    assert outside.fetched("/keys") == 0


async def test_a_private_address_is_not_asked_for_keys(settings, clock, outside):
    await outside.trust()
    async with running(settings, clock) as town:
        asking = Outside(town, outside.server)
        assert (await asking.ask(asking.token())).status_code == 503
    assert outside.server.seen == []


async def test_a_key_rotated_outside_is_followed(outside):
    await outside.trust()
    assert (await outside.ask(outside.token())).status_code == 200
    outside.key = generate_key("ES256")
    outside.town.clock.travel(31)
    assert (await outside.ask(outside.token())).status_code == 200


async def test_a_jwt_svid_proves_its_workload(outside):
    credential_id = await outside.trust_spiffe()
    answer = await outside.show(outside.svid())
    assert answer.status_code == 200, answer.text
    claims = payload_of(answer.json()["access_token"])
    assert (claims["client_id"], claims["credential_id"]) == ("ada", credential_id)
    assert outside.fetched("/bundle") == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "spiffe://td.example/shop/other"},
        {"sub": "spiffe://other.example/shop/till"},
        {"sub": f"{SVID}/below"},
        {"aud": [BASE_URL, "spiffe://td.example/db"]},
        {"aud": "https://other.example"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"typ": "at+jwt"},
        {"typ": "dpop+jwt"},
        {"key": key_for("EdDSA")},
    ],
)
async def test_a_jwt_svid_of_another_workload_domain_or_audience_is_refused(outside, changed):
    await outside.trust_spiffe()
    await refused(outside.show(outside.svid(**changed)))


async def test_a_jwt_svid_and_a_token_of_a_platform_keep_to_their_own_assertion_type(outside):
    await outside.trust()
    await outside.trust_spiffe()
    await refused(outside.ask(outside.svid()))
    await refused(outside.show(outside.token()))
    assert (await outside.ask(outside.token())).status_code == 200
    assert (await outside.show(outside.svid())).status_code == 200


async def test_a_trust_domain_that_the_client_does_not_name_causes_no_fetch(outside):
    await outside.trust_spiffe()
    assert await refused(outside.show(outside.svid(sub="spiffe://other.example/a"))) == REFUSAL
    assert outside.server.seen == []


async def test_all_workloads_below_a_path_may_be_trusted(outside):
    await outside.trust_spiffe("spiffe://td.example/shop/*")
    assert (await outside.show(outside.svid())).status_code == 200
    await refused(outside.show(outside.svid(sub="spiffe://td.example/shopping/till")))


async def test_the_bundles_refresh_hint_is_honoured(outside):
    await outside.trust_spiffe()
    assert (await outside.show(outside.svid())).status_code == 200
    outside.town.clock.travel(61)
    assert (await outside.show(outside.svid())).status_code == 200
    # Behind the back of that request.
    for _ in range(200):
        if outside.fetched("/bundle") == 2:
            return
        await anyio.sleep(0.01)
    pytest.fail("the bundle was not fetched again")


async def test_a_distrusted_trust_domain_gets_nothing(outside):
    await outside.trust_spiffe()
    await set_distrusted(outside.town.booth, "default", "spiffe://td.example", is_distrusted=True)
    await outside.town.registry.refresh()
    assert await refused(outside.show(outside.svid())) == REFUSAL


async def test_a_key_for_tls_does_not_sign_svids(outside):
    await outside.trust_spiffe()
    for_tls = {**outside.key.public.to_jwk(), "use": "x509-svid"}
    outside.server.on("/bundle", lambda seen: as_json({"keys": [for_tls]}))
    assert (await outside.show(outside.svid())).status_code == 503


async def test_damaged_trust_takes_nothing_else_down(outside):
    await outside.trust()
    registered = await outside.town.store.get_client("default", "ada")
    trusted = next(each for each in registered.credentials if each.kind == "federated")
    for number, data in enumerate(("x", "{}", json.dumps({"issuer": 1}), '{"rules": ["x"]}')):
        await outside.town.store.add_credential(replace(trusted, id=f"bad{number}", data=data))
    await outside.town.registry.refresh()
    assert (await outside.ask(outside.token())).status_code == 200


def test_what_a_trust_keeps_is_no_secret():
    proof = trusted_issuer("https://id.example", rules=["sub=exact"])
    assert json.loads(proof.data) == {"issuer": "https://id.example", "rules": ["sub=exact"]}
