"""Others' token service, oidc-provider: our client gets its tokens, our guard checks them."""

from contextlib import ExitStack

import pytest

from tokenbooth.client import Secret, TokenRequestRefused, TokenSource
from tokenbooth.guard import Guard, Refusal
from tokenbooth.protocol.keys import generate_key

SECRET = "s+e/c:r%t so long that nobody guesses it"
KEYS = {alg: generate_key(alg) for alg in ("ES256", "EdDSA", "PS256")}
URL = "https://api.example/persons/7"
SIGNED, SEALED = "https://api.example", "https://sealed.example"


def _registered(client_id, method, **more):
    known = {"client_id": client_id, "token_endpoint_auth_method": method, "redirect_uris": []}
    return {**known, "response_types": [], "grant_types": ["client_credentials"], **more}


CLIENTS = [
    _registered("a b:c", "client_secret_basic", client_secret=SECRET),
    _registered("post", "client_secret_post", client_secret=SECRET),
    _registered(
        "bound", "client_secret_basic", client_secret=SECRET, dpop_bound_access_tokens=True
    ),
    *(
        _registered(
            alg,
            "private_key_jwt",
            jwks={"keys": [key.public.to_jwk()]},
            token_endpoint_auth_signing_alg=alg,
        )
        for alg, key in KEYS.items()
    ),
]


@pytest.fixture(scope="module", params=["ES256", "EdDSA", "PS256"])
def foreign(request, javascript):
    """A service that signs with that algorithm."""
    return javascript(
        "oidc-provider", "start", clients=CLIENTS, alg=request.param, needsNonce=False
    )


@pytest.fixture(scope="module")
def asking(javascript):
    """A service that wants its nonce in every proof (RFC 9449 §8)."""
    return javascript("oidc-provider", "start", clients=CLIENTS, alg="ES256", needsNonce=True)


@pytest.fixture
def source():
    """source(issuer, client_id, ...): a token source of ours."""
    with ExitStack() as stack:

        def make(issuer, client_id="a b:c", **more):
            if "private_key" not in more:
                more["secret"] = Secret(SECRET)
            given = {"scope": "persons:read", "resource": SIGNED, **more}
            return stack.enter_context(TokenSource(issuer=issuer, client_id=client_id, **given))

        yield make


@pytest.fixture
def guard():
    """guard(issuer, ...): a guard of ours."""
    with ExitStack() as stack:

        def make(issuer, audience=SIGNED, **more):
            made = Guard(issuer, audience, public_url=SIGNED, **more)
            stack.callback(made.close)
            return made

        yield make


def _caller(guard, source, **more):
    headers = source.headers(source.token(), "GET", URL)
    return guard.verify_sync(headers, "GET", URL, **more)


def test_a_secret_in_the_header_gets_a_token_that_the_guard_takes(foreign, source, guard):
    caller = _caller(guard(foreign), source(foreign), scopes="persons:read")
    assert caller.client_id == "a b:c"


def test_a_secret_in_the_body_gets_a_token_that_the_guard_takes(foreign, source, guard):
    ours = source(foreign, "post", auth_method="body")
    assert _caller(guard(foreign), ours).client_id == "post"


@pytest.mark.parametrize("alg", KEYS)
def test_a_private_key_gets_a_token_that_the_guard_takes(foreign, source, guard, alg):
    ours = source(foreign, alg, private_key=KEYS[alg])
    assert _caller(guard(foreign), ours).client_id == alg


def test_the_guard_asks_about_opaque_tokens(foreign, source, guard):
    ours = source(foreign, resource=SEALED)
    assert "." not in ours.token().access_token
    asking = guard(foreign, SEALED, client_id="post", secret=Secret(SECRET))
    assert _caller(asking, ours).client_id == "a b:c"


def test_a_token_for_another_api_is_refused(foreign, source, guard):
    with pytest.raises(Refusal) as refused:
        _caller(guard(foreign, "https://api.other.example"), source(foreign))
    assert refused.value.status == 401


def test_a_scope_that_the_token_lacks_is_refused(foreign, source, guard):
    with pytest.raises(Refusal) as refused:
        _caller(guard(foreign), source(foreign), scopes="persons:write")
    assert refused.value.status == 403


@pytest.mark.parametrize("key", [True, *KEYS], ids=str)
def test_bound_tokens_pass_with_our_proofs(foreign, source, guard, key):
    dpop = True if key is True else KEYS[key]
    ours = source(foreign, "bound", dpop=dpop)
    token = ours.token()
    assert token.token_type == "DPoP"
    assert _caller(guard(foreign, dpop="required"), ours).confirmation.jkt
    with pytest.raises(Refusal):
        guard(foreign).verify_sync({"Authorization": f"Bearer {token.access_token}"}, "GET", URL)


def test_a_nonce_that_the_service_asks_for_is_given(asking, source, guard):
    ours = source(asking, "bound", dpop=True)
    assert _caller(guard(asking), ours).client_id == "bound"


def test_an_opaque_bound_token_passes_with_our_proof(foreign, source, guard):
    ours = source(foreign, "bound", dpop=True, resource=SEALED)
    told = guard(foreign, SEALED, client_id="post", secret=Secret(SECRET))
    assert _caller(told, ours).confirmation.jkt


@pytest.mark.parametrize(
    ("client_id", "changes", "code"),
    [
        ("nobody", {}, "invalid_client"),
        ("a b:c", {"resource": "https://nowhere.example"}, "invalid_target"),
        ("bound", {}, "invalid_grant"),
    ],
)
def test_its_refusals_are_told(foreign, source, client_id, changes, code):
    with pytest.raises(TokenRequestRefused) as refused:
        source(foreign, client_id, **changes).token()
    assert refused.value.code == code
    assert SECRET not in str(refused.value)
