"""DPoP at the client: proofs at the token endpoint and for each call, nonces and retries."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from tests.client.conftest import TOKEN_PATH
from tests.client.test_auth import EVERY_LIBRARY
from tests.protocol.jose import key_for
from tests.remote.local_server import Reply, as_json
from tokenbooth.client import (
    ConfigurationRefused,
    Secret,
    SecretUnavailable,
    TokenRequestRefused,
    TokenSource,
)
from tokenbooth.client.dpop import MAX_NONCES, Prover
from tokenbooth.protocol.dpop import ProofRefused, check_proof
from tokenbooth.protocol.jwt import read_jwt, unverified_claims

API = "/persons"
ES256 = key_for("ES256")


class BoundWorld:
    """A token endpoint and an API that take proofs, each once, and may ask for nonces."""

    def __init__(self, server, clock):
        self.server = server
        self.clock = clock
        self.nonces = {TOKEN_PATH: None, API: None}
        self.token_type = "DPoP"
        self.good = None  # the tokens that the API takes; None: all
        self.keys = set()
        self.used = set()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        server.on(TOKEN_PATH, self._token)
        server.on(API, self._api)

    @property
    def url(self):
        return self.server.url + API

    def proofs(self, path):
        return [
            unverified_claims(read_jwt(seen.headers["dpop"])) for seen in self.server.seen_at(path)
        ]

    def _check(self, seen, path, token=None):
        checked = check_proof(
            [seen.headers["dpop"]],
            method=seen.method,
            urls=[self.server.url + path],
            now=self.clock.now(),
            access_token=token,
        )
        with self._lock:
            if checked.fingerprint in self.used:
                raise ProofRefused("replayed", "seen before")
            self.used.add(checked.fingerprint)
            self.keys.add(checked.jkt)
        return checked

    def _token(self, seen):
        try:
            checked = self._check(seen, TOKEN_PATH)
        except ProofRefused as refused:
            return as_json({"error": "invalid_dpop_proof", "error_description": str(refused)}, 400)
        nonce = self.nonces[TOKEN_PATH]
        if nonce not in (None, checked.nonce):
            return as_json({"error": "use_dpop_nonce"}, 400, DPoP_Nonce=nonce)
        answer = {"access_token": f"token-{next(self._numbers)}", "token_type": self.token_type}
        return as_json({**answer, "expires_in": 3600})

    def _api(self, seen):
        scheme, _, token = seen.headers["authorization"].partition(" ")
        try:
            assert scheme == "DPoP"
            checked = self._check(seen, API, token)
        except (AssertionError, ProofRefused):
            return self._challenge("invalid_dpop_proof")
        nonce = self.nonces[API]
        if nonce not in (None, checked.nonce):
            return self._challenge("use_dpop_nonce", {"DPoP-Nonce": nonce})
        if self.good is not None and token not in self.good:
            return self._challenge("invalid_token")
        return as_json({})

    @staticmethod
    def _challenge(error, headers=None):
        challenge = {"WWW-Authenticate": f'DPoP error="{error}", algs="ES256"'}
        return Reply(status=401, headers={**challenge, **(headers or {})})


@pytest.fixture
def world(server, clock):
    return BoundWorld(server, clock)


@pytest.fixture
def bound(world, make):
    """Make a source of bound tokens; after `world`, whose endpoint is the one that counts."""

    def build(**more):
        source = make(**{"dpop": True, **more})
        world.server.on(TOKEN_PATH, world._token)
        return source

    return build


@pytest.fixture(params=EVERY_LIBRARY)
def call(request):
    return request.param


def test_each_call_has_a_new_proof_for_the_token_by_one_key(world, bound, call):
    source = bound()

    assert [call(source, world.url) for _ in range(3)] == [200] * 3

    assert len(world.proofs(TOKEN_PATH)) == 1
    assert len({each["jti"] for each in world.proofs(API) + world.proofs(TOKEN_PATH)}) == 4
    assert len(world.keys) == 1
    assert "ath" not in world.proofs(TOKEN_PATH)[0]


def test_a_proof_names_the_url_without_its_query(world, bound, call):
    assert call(bound(), f"{world.url}?name=a&token=b#c") == 200

    assert {each["htu"] for each in world.proofs(API)} == {world.url}


def test_a_nonce_that_the_api_asks_for_comes_with_one_retry(world, bound, call):
    world.nonces[API] = "n-1"
    source = bound()

    assert call(source, world.url, b"payload") == 200
    assert call(source, world.url, b"payload") == 200

    assert [each.get("nonce") for each in world.proofs(API)] == [None, "n-1", "n-1"]
    assert [seen.body for seen in world.server.seen_at(API)] == [b"payload"] * 3
    assert len(world.proofs(TOKEN_PATH)) == 1


def test_an_api_that_asks_for_one_nonce_after_the_other_is_called_twice_only(world, bound, call):
    numbers = itertools.count()
    world.server.on(
        API, lambda _: world._challenge("use_dpop_nonce", {"DPoP-Nonce": f"n-{next(numbers)}"})
    )

    assert call(bound(), world.url) == 401

    assert len(world.proofs(API)) == 2
    assert len(world.proofs(TOKEN_PATH)) == 1


def test_a_nonce_asked_for_again_although_it_was_sent_is_not_sent_again(world, bound, call):
    world.server.on(API, lambda _: world._challenge("use_dpop_nonce", {"DPoP-Nonce": "same"}))
    source = bound()

    assert [call(source, world.url), call(source, world.url)] == [401, 401]

    assert len(world.proofs(API)) == 3


def test_a_newer_nonce_in_a_good_answer_is_used_next(world, bound, call):
    world.server.on(API, lambda _: as_json({}, DPoP_Nonce="n-2"))
    source = bound()

    assert [call(source, world.url), call(source, world.url)] == [200, 200]

    assert [each.get("nonce") for each in world.proofs(API)] == [None, "n-2"]


def test_a_bad_token_is_replaced_and_the_new_one_gets_its_own_proof(world, bound, call):
    world.good = {"token-2"}

    assert call(bound(), world.url) == 200

    first, second = world.proofs(API)
    assert first["ath"] != second["ath"]


def test_a_nonce_and_then_a_new_token_may_both_be_needed(world, bound, call):
    world.good, world.nonces[API] = {"token-2"}, "n-1"

    assert call(bound(), world.url) == 200

    assert len(world.proofs(API)) == 3


def test_a_body_that_is_gone_is_not_sent_again_for_a_nonce(world, bound, call):
    world.nonces[API] = "n-1"
    source = bound()

    assert call(source, world.url, iter([b"once"])) == 401
    assert call(source, world.url, iter([b"again"])) == 200


def test_the_token_endpoints_nonce_is_remembered_and_asked_for_once(world, bound, clock):
    world.nonces[TOKEN_PATH] = "t-1"
    source = bound()
    assert source.token().token_type == "DPoP"

    clock.travel(3590)
    source.token()

    assert [each.get("nonce") for each in world.proofs(TOKEN_PATH)] == [None, "t-1", "t-1"]


def test_a_retry_for_a_nonce_makes_everything_anew(world, bound):
    world.nonces[TOKEN_PATH] = "t-1"
    source = bound(
        secret=None,
        private_key=ES256,
        issuer=world.server.url,
        token_url=world.server.url + TOKEN_PATH,
    )
    source.token()

    forms = [seen.form for seen in world.server.seen_at(TOKEN_PATH)]
    assertions = [unverified_claims(read_jwt(form["client_assertion"][0])) for form in forms]
    assert len(assertions) == 2
    assert assertions[0]["jti"] != assertions[1]["jti"]
    first, second = world.proofs(TOKEN_PATH)
    assert first["jti"] != second["jti"]


def test_a_token_endpoint_that_never_has_enough_nonces_is_asked_twice(world, bound):
    numbers = itertools.count()
    source = bound()
    world.server.on(
        TOKEN_PATH,
        lambda _: as_json({"error": "use_dpop_nonce"}, 400, DPoP_Nonce=f"t-{next(numbers)}"),
    )

    with pytest.raises(TokenRequestRefused, match="nonce"):
        source.token()

    assert len(world.server.seen_at(TOKEN_PATH)) == 2


@pytest.mark.parametrize("token_type", ["Bearer", None, "mac"])
def test_a_service_that_binds_nothing_is_no_use(world, bound, token_type):
    world.token_type = token_type

    with pytest.raises(TokenRequestRefused, match="DPoP"):
        bound().token()


@pytest.mark.parametrize("token_type", ["dpop", "DPOP", "dPoP"])
def test_the_token_type_is_read_in_any_case(world, bound, call, token_type):
    world.token_type = token_type

    assert call(bound(), world.url) == 200


def test_without_dpop_a_bound_token_is_no_use(world, bound):
    source = bound(dpop=False)
    world.server.on(TOKEN_PATH, as_json({"access_token": "t", "token_type": "DPoP"}))

    with pytest.raises(TokenRequestRefused):
        source.token()


def test_a_given_key_signs_the_proofs(world, bound, tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(_pem())

    bound(dpop=f"file:{file}").token()

    assert world.keys == {ES256.public.thumbprint}


def test_the_key_of_the_tokens_at_hand_stays(world, bound, tmp_path):
    file = tmp_path / "key.pem"
    file.write_bytes(_pem())
    source = bound(dpop=f"file:{file}")
    source.token()
    file.unlink()

    assert source.headers(source.token(), "GET", world.url)["DPoP"]


def test_a_key_that_cannot_be_read_is_told_at_once(bound):
    with pytest.raises(SecretUnavailable):
        bound(dpop="file:/nowhere/key.pem")
    with pytest.raises(SecretUnavailable):
        bound(dpop=Secret("no key"))
    with pytest.raises(ConfigurationRefused):
        bound(dpop="key.pem")


def test_many_callers_share_one_token_request(world, bound):
    source = bound()
    world.nonces[TOKEN_PATH] = "t-1"

    with ThreadPoolExecutor(20) as pool:
        tokens = {token.access_token for token in pool.map(lambda _: source.token(), range(40))}

    assert len(tokens) == 1
    assert len(world.server.seen_at(TOKEN_PATH)) == 2


def test_headers_are_there_for_any_other_library(world, bound):
    source: TokenSource = bound()
    token = source.token()

    headers = source.headers(token, "GET", world.url)

    assert set(headers) == {"Authorization", "DPoP"}
    assert headers["Authorization"] == "DPoP token-1"
    with pytest.raises(ConfigurationRefused):
        source.headers(token, "GET", "http://api.example.com/")


def test_nonces_of_many_hosts_exhaust_no_memory(clock):
    prover = Prover(ES256, clock)
    for number in range(MAX_NONCES * 3):
        assert prover.note_nonce(f"https://h{number}.example/", "n")

    assert len(prover._nonces) == MAX_NONCES
    assert not prover.note_nonce(f"https://h{MAX_NONCES * 3 - 1}.example/x", "n")


@pytest.mark.parametrize("nonce", [None, "", "n" * 5000])
def test_what_cannot_be_a_nonce_is_not_kept(clock, nonce):
    prover = Prover(ES256, clock)

    assert not prover.note_nonce("https://api.example/", nonce)
    assert not prover.note_token_nonce("https://auth.example/token", nonce)


def _pem():
    key = load_der_private_key(ES256.to_pkcs8(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
