"""What a client assertion must say, and what takes one apart."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import compact, key_for
from tokenbooth.protocol.assertion import (
    JWT_BEARER_ASSERTION,
    MAX_JTI_LENGTH,
    SPIFFE_ASSERTION,
    check_client_assertion,
    make_client_assertion,
)
from tokenbooth.protocol.client_auth import read_client
from tokenbooth.protocol.errors import InvalidClient, InvalidRequest, OAuthError, TokenRefused
from tokenbooth.protocol.form import Form
from tokenbooth.protocol.jwt import VerifiedClaims, read_jwt, unverified_claims, verify_jwt
from tokenbooth.protocol.presented_assertion import FEDERATED_JWT, SPIFFE_JWT, read_assertion
from tokenbooth.protocol.secret import Secret

NOW = 1_800_000_000.0
ISSUER = "https://auth.example.com"
GOOD = {
    "iss": "my-app",
    "sub": "my-app",
    "aud": ISSUER,
    "iat": NOW,
    "exp": NOW + 60,
    "jti": "one",
}


def check(typ="jwt", without=(), **changed):
    claims = {name: value for name, value in {**GOOD, **changed}.items() if name not in without}
    return check_client_assertion(
        VerifiedClaims(claims), typ=typ, issuer=ISSUER, client_id="my-app", now=NOW
    )


def refusal(**changed):
    with pytest.raises(TokenRefused) as caught:
        check(**changed)
    return caught.value.reason


def form(**parameters):
    return Form({name: value for name, value in parameters.items() if value is not None}, {})


def assertion_form(assertion, *, assertion_type=JWT_BEARER_ASSERTION, **more):
    return form(client_assertion=assertion, client_assertion_type=assertion_type, **more)


def signed(payload=GOOD, **header):
    return compact({"alg": "ES256", "typ": "JWT", **header}, payload)


def test_what_our_client_makes_is_good_and_addressed_to_the_issuer_alone():
    key = key_for("ES256")
    made = make_client_assertion(key, client_id="my-app", audience=ISSUER, jti="x", now=NOW)
    unverified = read_jwt(made.reveal())
    claims = verify_jwt(unverified, key.public)

    spendable = check_client_assertion(
        claims, typ=unverified.typ, issuer=ISSUER, client_id="my-app", now=NOW
    )

    assert unverified.typ == "client-authentication+jwt"
    assert claims["aud"] == ISSUER
    assert (spendable.jti, spendable.expires_at) == ("x", NOW + 60)


@pytest.mark.parametrize("audience", [ISSUER, [ISSUER]])
def test_the_issuer_is_the_sole_audience(audience):
    assert check(aud=audience).jti == "one"


@pytest.mark.parametrize(
    "audience",
    [
        f"{ISSUER}/",
        f"{ISSUER}/oauth2/token",
        [ISSUER, "https://other.example"],
        [ISSUER, ISSUER],
        [],
        [[ISSUER]],
        {"0": ISSUER},
        7,
        True,
        f"{ISSUER} https://other.example",
        ISSUER.upper(),
    ],
)
def test_refuses_an_assertion_addressed_to_another_server(audience):
    assert refusal(aud=audience) == "wrong_audience"


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "jti"])
def test_refuses_an_assertion_that_leaves_a_claim_out(name):
    assert refusal(without=[name]) == "claim_missing"


@pytest.mark.parametrize("name", ["iss", "sub"])
@pytest.mark.parametrize("value", ["another", "My-App", "my-app "])
def test_issuer_and_subject_are_the_client(name, value):
    assert refusal(**{name: value}) == "wrong_client"


@pytest.mark.parametrize("typ", [None, "jwt", "client-authentication+jwt"])
def test_accepts_the_type_of_an_assertion_and_none(typ):
    assert check(typ=typ).jti == "one"


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", ""])
def test_refuses_the_types_of_other_tokens(typ):
    assert refusal(typ=typ) == "wrong_type"


@pytest.mark.parametrize(("expires", "reason"), [(0, "expired"), (3661, "lives_too_long")])
def test_the_expiry_is_ahead_and_near(expires, reason):
    assert refusal(exp=NOW + expires) == reason
    assert check(exp=NOW + 3600).expires_at == NOW + 3600


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_clock_up_to_a_minute_ahead_passes(name):
    assert check(**{name: NOW + 10}).jti == check(**{name: NOW + 60}).jti == "one"
    assert refusal(**{name: NOW + 61}) == "not_yet_valid"


def test_the_moment_of_issue_may_be_left_out():
    assert check(without=["iat"]).jti == "one"


@pytest.mark.parametrize("value", ["soon", None, True, float("inf"), [NOW], 10**400])
def test_refuses_times_that_are_none(value):
    assert refusal(exp=value) in ("claim_invalid", "claim_missing")


@pytest.mark.parametrize("jti", ["", 1, ["a"], "x" * (MAX_JTI_LENGTH + 1)])
def test_refuses_an_identifier_that_is_none_or_endless(jti):
    assert refusal(jti=jti) == "claim_invalid"


def test_the_client_is_the_one_that_the_assertion_names():
    presented = read_client(assertion_form(signed()), ())
    assert (presented.client_id, presented.method) == ("my-app", "private_key_jwt")


def test_refuses_a_client_id_that_is_not_the_assertions():
    with pytest.raises(InvalidRequest, match="client_id"):
        read_client(assertion_form(signed(), client_id="another"), ())


@pytest.mark.parametrize(
    "parameters",
    [
        {"client_assertion": signed()},
        {"client_assertion_type": JWT_BEARER_ASSERTION},
    ],
)
def test_an_assertion_without_type_and_a_type_without_assertion_are_invalid_requests(parameters):
    with pytest.raises(InvalidRequest, match="together"):
        read_client(form(**parameters), ())


def test_refuses_an_assertion_of_an_unknown_type():
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    with pytest.raises(InvalidClient, match="jwt-bearer"):
        read_client(assertion_form(signed(), assertion_type=saml), ())


def test_an_assertion_beside_a_secret_is_two_methods():
    for more, authorization in (({"client_secret": "x"}, ()), ({}, ("Basic YTpi",))):
        with pytest.raises(InvalidRequest) as caught:
            read_client(assertion_form(signed(), **more), authorization)
        assert caught.value.reason == "two_methods"


@pytest.mark.parametrize("alg", ["none", "HS256", "RS1", "ES256K", "es256"])
def test_refuses_algorithms_that_no_registered_key_has(alg):
    with pytest.raises(InvalidClient) as caught:
        read_client(assertion_form(signed(alg=alg)), ())
    assert caught.value.reason == "assertion_alg"


@pytest.mark.parametrize("name", ["iss", "sub"])
def test_an_assertion_without_issuer_or_subject_is_an_invalid_client(name):
    payload = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(InvalidClient, match=name):
        read_client(assertion_form(signed(payload), client_id="my-app"), ())


def test_an_assertion_of_another_issuer_needs_the_client_id():
    payload = {**GOOD, "iss": "https://ci.example", "sub": "repo:org/app"}
    with pytest.raises(InvalidClient) as caught:
        read_client(assertion_form(signed(payload)), ())
    assert caught.value.reason == "no_client"

    presented = read_client(assertion_form(signed(payload), client_id="my-app"), ())
    assert (presented.client_id, presented.method) == ("my-app", FEDERATED_JWT)


def test_a_spiffe_identity_names_no_issuer():
    payload = {**GOOD, "sub": "spiffe://td.example/app"}
    del payload["iss"]
    presented = read_client(
        assertion_form(signed(payload), assertion_type=SPIFFE_ASSERTION, client_id="my-app"), ()
    )
    assert (presented.method, presented.unverified_issuer) == (SPIFFE_JWT, None)


def test_no_text_of_an_assertion_shows_in_the_presented_value():
    assert signed() not in repr(read_client(assertion_form(signed()), ()))


@given(
    st.text(max_size=80) | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,80}\.[\w-]{0,40}", fullmatch=True),
    st.sampled_from([JWT_BEARER_ASSERTION, SPIFFE_ASSERTION, "", "x"]),
    st.none() | st.text(max_size=5),
)
def test_whatever_is_sent_as_assertion_is_refused_in_words(text, assertion_type, client_id):
    with pytest.raises(OAuthError):
        read_assertion(Secret(text), assertion_type=assertion_type, client_id=client_id)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "nbf"]), _json))
def test_whatever_claims_are_signed_they_are_checked_or_refused(changed):
    with contextlib.suppress(TokenRefused):
        assert check(**changed).expires_at > NOW


def test_what_is_read_from_an_assertion_is_what_it_says():
    assert unverified_claims(read_jwt(signed()))["jti"] == "one"
