"""DPoP at the API: a bound token passes with a fresh proof by its key, and in no other way."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.guard.test_starlette import application
from tests.guard.tiny_issuer import AUDIENCE, bearer
from tests.protocol.jose import key_for
from tests.protocol.proofs import ABSENT, proof
from tokenbooth.guard import Caller, Guard, Refusal
from tokenbooth.guard.replays import MemoryFull, ReplayMemory
from tokenbooth.protocol.dpop import Proof, token_hash
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.secret import Secret

ES256 = key_for("ES256")
OTHER = generate_key("ES256")
URL = f"{AUDIENCE}/orders/7"
BOUND = {"jkt": ES256.public.thumbprint}


@pytest.fixture
def token(issuer):
    return issuer.token(cnf=BOUND)


def made_for(issuer, token, *, url=URL, method="GET", **changes):
    changes = {"ath": token_hash(token), **changes}
    return proof(url=url, method=method, now=changes.pop("now", issuer.clock.now()), **changes)


def sent(token, *proofs, scheme="DPoP"):
    return [("Authorization", f"{scheme} {token}"), *(("DPoP", each) for each in proofs)]


def refused(guard, headers, method="GET", url=URL, **more):
    with pytest.raises(Refusal) as refusal:
        guard.verify_sync(headers, method, url, **more)
    return refusal.value


def test_a_bound_token_passes_with_a_proof(issuer, guard, token):
    caller = guard.verify_sync(
        sent(token, made_for(issuer, token)), "GET", URL, scopes="orders:read"
    )

    assert caller.client_id == "shop"
    assert caller.confirmation.jkt == ES256.public.thumbprint


async def test_a_bound_token_passes_on_an_event_loop(issuer, guard, token):
    assert await guard.verify(sent(token, made_for(issuer, token)), "GET", URL)


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "dPoP"])
def test_the_scheme_is_read_in_any_case(issuer, guard, token, scheme):
    assert guard.verify_sync(sent(token, made_for(issuer, token), scheme=scheme), "GET", URL)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"header": {"typ": "JWT"}}, "proof_wrong_type"),
        ({"header": {"alg": "HS256"}}, "proof_wrong_algorithm"),
        ({"header": {"alg": "none"}}, "proof_wrong_algorithm"),
        ({"header": {"jwk": ABSENT}}, "proof_no_key"),
        ({"header": {"jwk": {**ES256.public.jwk, "d": "AAAA"}}}, "proof_private_key"),
        ({"signed_by": OTHER}, "proof_bad_signature"),
        ({"jti": ABSENT}, "proof_claim_invalid"),
        ({"method": "POST"}, "proof_wrong_method"),
        ({"htm": ABSENT}, "proof_wrong_method"),
        ({"htu": ABSENT}, "proof_claim_invalid"),
        ({"url": f"{AUDIENCE}/orders/8"}, "proof_wrong_url"),
        ({"url": "https://evil.example.com/orders/7"}, "proof_wrong_url"),
        ({"url": f"{URL}?a=b"}, "proof_wrong_url"),
        ({"iat": ABSENT}, "proof_claim_invalid"),
        ({"iat": 1}, "proof_wrong_time"),
        ({"ath": ABSENT}, "proof_wrong_token"),
        ({"ath": token_hash("another")}, "proof_wrong_token"),
    ],
)
def test_refuses_every_proof_that_fails_one_check(issuer, guard, token, changes, reason):
    refusal = refused(guard, sent(token, made_for(issuer, token, **changes)))

    assert (refusal.status, refusal.reason) == (401, reason)
    challenge = refusal.headers["WWW-Authenticate"]
    assert challenge.startswith('DPoP error="invalid_dpop_proof"')
    assert 'algs="ES256 ' in challenge
    assert refusal.body["error"] == "invalid_dpop_proof"


@pytest.mark.parametrize("proofs", [0, 2])
def test_a_request_has_one_proof(issuer, guard, token, proofs):
    headers = sent(token, *(made_for(issuer, token) for _ in range(proofs)))

    assert refused(guard, headers).body["error"] == "invalid_dpop_proof"


def test_the_key_is_the_one_of_the_token(issuer, guard, token):
    refusal = refused(guard, sent(token, made_for(issuer, token, key=OTHER)))

    assert (refusal.reason, refusal.body["error"]) == ("wrong_key", "invalid_token")


def test_a_proof_counts_once(issuer, guard, token):
    headers = sent(token, made_for(issuer, token))
    guard.verify_sync(headers, "GET", URL)

    assert refused(guard, headers).reason == "proof_replayed"


def test_one_of_many_threads_wins(issuer, guard, token):
    headers = sent(token, made_for(issuer, token))

    def attempt(_):
        try:
            return bool(guard.verify_sync(headers, "GET", URL))
        except Refusal:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(50))) == 1


def test_a_refused_proof_is_not_remembered(issuer, guard, token):
    headers = sent(token, made_for(issuer, token, jti="once"))
    refused(guard, headers, url=f"{AUDIENCE}/elsewhere")

    assert guard.verify_sync(headers, "GET", URL)


@pytest.mark.parametrize("cnf", [BOUND, {"kid": "a"}])
def test_a_bound_token_is_no_bearer_token(issuer, guard, cnf):
    token = issuer.token(cnf=cnf)

    for headers in (bearer(token), sent(token, made_for(issuer, token), scheme="Bearer")):
        refusal = refused(guard, headers)
        assert (refusal.status, refusal.reason) == (401, "bound_token")
        assert 'error="invalid_token"' in refusal.headers["WWW-Authenticate"]


def test_who_sends_a_bound_token_as_bearer_is_told_to_send_it_as_dpop(issuer, guard, token):
    assert refused(guard, bearer(token)).headers["WWW-Authenticate"].startswith("DPoP ")


def test_an_opaque_bound_token_is_no_bearer_token(issuer, asking_guard):
    token = issuer.opaque_token(cnf=BOUND, token_type="DPoP")

    assert refused(asking_guard, bearer(token)).reason == "bound_token"
    assert asking_guard.verify_sync(sent(token, made_for(issuer, token)), "GET", URL)


def test_basic_credentials_do_not_turn_a_bound_token_into_a_caller(issuer, make_guard, token):
    issuer.grant(token)
    guard = make_guard(accept_basic_credentials=True)

    assert refused(guard, {"Authorization": "Basic c2hvcDpzM2NyZXQ="}).status == 403


def test_an_unbound_token_is_no_dpop_token(issuer, guard):
    token = issuer.token()

    assert refused(guard, sent(token, made_for(issuer, token))).reason == "unbound_token"


def test_an_expired_bound_token_is_refused_as_such(issuer, guard):
    token = issuer.token(cnf=BOUND, exp=int(issuer.clock.now()) - 1)

    refusal = refused(guard, sent(token, made_for(issuer, token)))

    assert refusal.reason == "expired"
    assert refusal.headers["WWW-Authenticate"].startswith('DPoP error="invalid_token"')


def test_a_lacking_scope_is_named_in_the_challenge(issuer, guard, token):
    refusal = refused(guard, sent(token, made_for(issuer, token)), scopes="orders:delete")

    assert refusal.status == 403
    assert refusal.headers["WWW-Authenticate"].startswith('DPoP error="insufficient_scope"')


def test_where_dpop_is_required_nothing_else_passes(issuer, make_guard, token):
    guard = make_guard(dpop="required")

    for headers in ({}, bearer(issuer.token()), bearer(token)):
        challenge = refused(guard, headers).headers["WWW-Authenticate"]
        assert challenge.startswith("DPoP algs=")
    assert guard.verify_sync(sent(token, made_for(issuer, token)), "GET", URL)


@pytest.mark.parametrize(
    "options",
    [
        {"dpop": "off"},
        {"dpop": "required", "accept_basic_credentials": True},
        {"dpop_replay_size": 1},
        {"public_url": "api.example.com"},
        {"public_url": "https://api.example.com/?a"},
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_at_the_start(make_guard, options):
    with pytest.raises(ValueError, match=r"dpop|public_url"):
        make_guard(**options)


def test_a_nonce_is_demanded_where_there_is_a_key_for_it(issuer, make_guard, token):
    guards = [make_guard(dpop_nonce_key=Secret("k" * 32)) for _ in range(2)]
    refusal = refused(guards[0], sent(token, made_for(issuer, token)))
    assert (refusal.status, refusal.body["error"]) == (401, "use_dpop_nonce")
    assert 'error="use_dpop_nonce"' in refusal.headers["WWW-Authenticate"]
    nonce = refusal.headers["DPoP-Nonce"]

    assert guards[1].verify_sync(sent(token, made_for(issuer, token, nonce=nonce)), "GET", URL)

    issuer.clock.travel(500)
    late = refused(guards[1], sent(token, made_for(issuer, token, nonce=nonce)))
    assert late.headers["DPoP-Nonce"] != nonce


def test_without_the_key_for_nonces_nothing_is_decided(issuer, make_guard, token, tmp_path):
    guard = make_guard(dpop_nonce_key=f"file:{tmp_path / 'nowhere'}")

    assert refused(guard, sent(token, made_for(issuer, token))).status == 503


ELSEWHERE = {"public_url": "https://api.example.net/v1/"}


@pytest.mark.parametrize(
    ("options", "called", "asked"),
    [
        ({}, URL, URL),
        ({}, URL, "/orders/7?page=2"),
        ({}, URL, "HTTPS://ORDERS.example.com:443/orders/7"),
        ({}, "https://api.example.net/orders/7", "https://api.example.net/orders/7"),
        (ELSEWHERE, "https://api.example.net/v1/orders/7", "/orders/7"),
        (ELSEWHERE, "https://api.example.net/v1/orders/7", "http://10.0.0.7:8000/orders/7"),
    ],
)
def test_the_url_is_the_one_that_callers_write(issuer, make_guard, options, called, asked):
    token = issuer.token(cnf=BOUND)

    guard = make_guard(**options)

    assert guard.verify_sync(sent(token, made_for(issuer, token, url=called)), "GET", asked)


@pytest.mark.parametrize(
    ("options", "called", "asked"),
    [
        ({}, "https://evil.example.com/orders/7", "/orders/7"),
        (ELSEWHERE, URL, "/orders/7"),
        (ELSEWHERE, "https://api.example.net/orders/7", "/orders/7"),
        (ELSEWHERE, "https://evil.example.com/orders/7", "https://evil.example.com/orders/7"),
    ],
)
def test_a_proof_for_another_url_is_refused(issuer, make_guard, options, called, asked):
    token = issuer.token(cnf=BOUND)
    headers = sent(token, made_for(issuer, token, url=called))

    assert refused(make_guard(**options), headers, url=asked).reason == "proof_wrong_url"


def test_an_api_that_does_not_know_its_address_says_so(issuer, make_guard):
    token = issuer.token(cnf=BOUND, aud="orders")
    guard = make_guard(audience="orders")

    assert refused(guard, sent(token, made_for(issuer, token)), url="/x").reason == "no_public_url"
    assert refused(guard, sent(token, made_for(issuer, token)), url="").reason == "no_public_url"


@pytest.mark.parametrize("url", ["https://[::1/x", "http://a:b/", "/%zz", "https:///", "x"])
def test_a_malformed_url_is_a_refusal(issuer, guard, token, url):
    assert refused(guard, sent(token, made_for(issuer, token)), url=url).status == 401


# Behind ASGI.

LOCAL = "http://testserver"


def test_the_middleware_checks_proofs(issuer, guard, token):
    client = TestClient(application(guard))
    headers = dict(sent(token, made_for(issuer, token, url=f"{LOCAL}/whoami")))

    assert client.get("/whoami?a=b", headers=headers).json() == {"client_id": "shop"}
    again = client.get("/whoami", headers=headers)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_dpop_proof")


def test_the_dependency_checks_proofs(issuer, guard, token):
    app = FastAPI()

    @app.get("/o/{name}")
    async def read(name: str, caller: Annotated[Caller, guard.require("orders:read")]):
        return {"name": name, "client_id": caller.client_id}

    client = TestClient(app)
    headers = dict(sent(token, made_for(issuer, token, url=f"{LOCAL}/o/x:y@z%C3%A9")))

    answer = client.get("/o/x:y@z%C3%A9", headers=headers)

    assert answer.json() == {"name": "x:y@zé", "client_id": "shop"}


@pytest.mark.parametrize(
    "host", ["evil.example.com", "evil.example.com:443", "a@localhost", "localhost/x?", "[::1", ""]
)
def test_a_made_up_host_fits_no_foreign_proof(issuer, guard, token, host):
    client = TestClient(application(guard))
    made = made_for(issuer, token, url=f"http://{host}/whoami")
    headers = {**dict(sent(token, made)), "Host": host}

    answer = client.get("/whoami", headers=headers)

    assert answer.json()["error"] == "invalid_dpop_proof"


def test_behind_a_proxy_the_audience_says_where_this_api_is(issuer, guard, token):
    client = TestClient(application(guard))
    headers = dict(sent(token, made_for(issuer, token, url=f"{AUDIENCE}/whoami")))

    assert client.get("/whoami", headers=headers).status_code == 200


# What is remembered of proofs.


def remembered(number, *, jkt="key", ends_at=1000.0):
    return Proof(jkt=jkt, jti=str(number), nonce=None, ends_at=ends_at)


def claims(memory, made):
    try:
        return memory.claim(made, 940.0)
    except MemoryFull:
        return False


def test_a_flood_of_proofs_exhausts_no_memory():
    memory = ReplayMemory(1000)
    accepted = [claims(memory, remembered(n, jkt=f"key {n}")) for n in range(10_000)]

    assert (len(memory), accepted.count(True)) == (1000, 1000)
    assert not memory.claim(remembered(0, jkt="key 0"), 940.0)


def test_one_key_leaves_room_for_the_others():
    memory = ReplayMemory(1000)
    accepted = [claims(memory, remembered(n)) for n in range(10_000)]

    assert (len(memory), accepted.count(True)) == (500, 500)
    assert memory.claim(remembered(0, jkt="other"), 940.0)


def test_what_has_ended_makes_room():
    memory = ReplayMemory(1000)
    for number in range(500):
        memory.claim(remembered(number), 940.0)

    assert memory.claim(remembered(1, ends_at=1100.0), 1040.0)
    assert len(memory) == 1


def test_a_proof_is_remembered_to_its_end():
    memory = ReplayMemory(1000)
    memory.claim(remembered(1), 940.0)

    assert not memory.claim(remembered(1), 999.9)


def test_a_full_memory_is_no_refusal_of_the_proof(issuer, make_guard, token):
    guard: Guard = make_guard(dpop_replay_size=2)
    guard.verify_sync(sent(token, made_for(issuer, token)), "GET", URL)

    refusal = refused(guard, sent(token, made_for(issuer, token)))

    assert (refusal.status, refusal.headers["Retry-After"]) == (503, "5")
