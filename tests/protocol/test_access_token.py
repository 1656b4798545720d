import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    accept,
    compact,
    good_token,
    header_of,
    key_for,
)
from tokenbooth.protocol.access_token import MAX_CLOCK_SKEW, AccessToken, check_access_token
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import VerifiedClaims

REQUIRED = ["iss", "aud", "sub", "client_id", "iat", "exp", "jti"]
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def check(claims: dict[str, object], *, now: float = NOW, leeway: float = 0.0) -> AccessToken:
    return check_access_token(
        VerifiedClaims(claims),
        typ="at+jwt",
        issuer=ISSUER,
        audience=AUDIENCE,
        now=now,
        leeway=leeway,
    )


def reason_of(changes: dict[str, object], *, now: float = NOW, leeway: float = 0.0) -> str:
    with pytest.raises(TokenRefused) as refused:
        check({**CLAIMS, **changes}, now=now, leeway=leeway)
    return refused.value.reason


def test_a_good_token_says_who_for_what_and_how_long():
    token = accept(good_token(sid="family"))

    assert (token.issuer, token.audience) == (ISSUER, (AUDIENCE,))
    assert (token.subject, token.client_id) == ("my-app", "my-app")
    assert str(token.scope) == "persons:read"
    assert (token.issued_at, token.expires_at) == (NOW, NOW + 3600)
    assert (token.jti, token.claims["sid"]) == ("0001", "family")


@given(st.dictionaries(st.sampled_from([*REQUIRED, "nbf", "scope"]), VALUE, min_size=1))
def test_any_claims_are_accepted_or_refused(changes):
    try:
        token = check({**CLAIMS, **changes})
    except TokenRefused:
        return
    assert token.issuer == ISSUER
    assert AUDIENCE in token.audience
    assert token.expires_at > NOW


@pytest.mark.parametrize("name", REQUIRED)
def test_each_required_claim_must_be_there(name):
    claims = {key: value for key, value in CLAIMS.items() if key != name}

    with pytest.raises(TokenRefused, match=rf"^claim_missing: {name}$"):
        check(claims)
    assert reason_of({name: None}) == "claim_missing"


@pytest.mark.parametrize("name", ["iss", "sub", "client_id", "jti"])
@pytest.mark.parametrize("value", ["", 1, True, ["my-app"], {}, [ISSUER]], ids=str)
def test_a_claim_of_text_is_a_text(name, value):
    assert reason_of({name: value}) == "claim_invalid"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value", [True, False, "1800000000", [1], {}, math.inf, -math.inf, math.nan, 10**400], ids=str
)
def test_a_time_is_a_finite_number(name, value):
    assert reason_of({name: value}) == "claim_invalid"


@pytest.mark.parametrize("typ", [None, "jwt", "at+jwt2", "id_token", "", "dpop+jwt", "logout+jwt"])
def test_only_the_type_of_an_access_token_is_accepted(typ):
    with pytest.raises(TokenRefused, match="wrong_type"):
        check_access_token(
            VerifiedClaims(dict(CLAIMS)), typ=typ, issuer=ISSUER, audience=AUDIENCE, now=NOW
        )


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+jwt"])
def test_the_type_is_accepted_in_every_spelling(typ):
    assert accept(compact({**header_of(key_for("ES256")), "typ": typ}))


@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", ISSUER[:-1], ISSUER.upper(), f" {ISSUER}", "https://evil.example"]
)
def test_the_issuer_is_compared_exactly(issuer):
    assert reason_of({"iss": issuer}) == "wrong_issuer"


@pytest.mark.parametrize(
    "audience",
    [AUDIENCE + "/", AUDIENCE[:-1], AUDIENCE.upper(), "", [""], ["a", "b"], f"{AUDIENCE} x"],
    ids=str,
)
def test_the_audience_is_compared_exactly(audience):
    assert reason_of({"aud": audience}) == "wrong_audience"


@pytest.mark.parametrize("audience", [[], {}, 1, {AUDIENCE: 1}], ids=str)
def test_an_audience_of_another_type_is_none(audience):
    assert reason_of({"aud": audience}) == "claim_missing"


def test_an_audience_list_holds_texts_alone():
    assert reason_of({"aud": [AUDIENCE, 1]}) == "claim_invalid"
    assert check({**CLAIMS, "aud": ["other", AUDIENCE]}).audience == ("other", AUDIENCE)


def test_the_issuer_itself_may_leave_the_audience_open():
    claims = VerifiedClaims({**CLAIMS, "aud": "https://another.example"})

    token = check_access_token(claims, typ="at+jwt", issuer=ISSUER, audience=None, now=NOW)

    assert token.audience == ("https://another.example",)


def test_a_token_ends_at_the_very_second_it_says():
    assert check(dict(CLAIMS), now=NOW + 3599.9)
    assert reason_of({}, now=NOW + 3600) == "expired"


def test_leeway_is_added_at_both_ends():
    assert check(dict(CLAIMS), now=NOW + 3629, leeway=30)
    assert reason_of({}, now=NOW + 3630, leeway=30) == "expired"
    assert check({**CLAIMS, "nbf": NOW + 30}, leeway=30)
    assert reason_of({"nbf": NOW + 31}, leeway=30) == "not_yet_valid"


def test_the_issuers_clock_may_be_ahead_by_a_minute():
    assert check({**CLAIMS, "iat": NOW + MAX_CLOCK_SKEW})
    assert reason_of({"iat": NOW + MAX_CLOCK_SKEW + 1}) == "not_yet_valid"
    assert reason_of({"iat": NOW + 1000, "nbf": NOW}) == "not_yet_valid"


def test_times_may_have_fractions():
    assert check({**CLAIMS, "exp": NOW + 0.5}).expires_at == NOW + 0.5


@pytest.mark.parametrize("scope", [["a"], 1, 'a"', "a  b", {}], ids=str)
def test_refuses_a_malformed_scope(scope):
    assert reason_of({"scope": scope}) == "claim_invalid"


def test_a_token_without_scope_has_the_empty_one():
    claims = {key: value for key, value in CLAIMS.items() if key != "scope"}

    assert not check(claims).scope


def test_repr_leaves_the_other_claims_out():
    assert "classified" not in repr(check({**CLAIMS, "more": "classified"}))
