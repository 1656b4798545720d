"""The checks of a DPoP proof: one bad proof for each, and none that slips through."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import NOW, compact, key_for
from tests.protocol.proofs import ABSENT, proof, public_jwk
from tokenbooth.protocol.dpop import (
    MAX_JTI_LENGTH,
    PROOF_ALGORITHMS,
    ProofRefused,
    check_proof,
    make_proof,
    token_hash,
)
from tokenbooth.protocol.keys import ALGORITHMS, generate_key

URL = "https://auth.example.com/oauth2/token"
TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
ES256 = key_for("ES256")

# RFC 9449 §4.1 and §7.1, where it shows them.
RFC_TOKEN_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh"
    "0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8"
    "v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
RFC_API_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR"
    "1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCw"
    "iYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-E"
    "y71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def check(*proofs, method="POST", urls=(URL,), now=NOW, **more):
    return check_proof(proofs, method=method, urls=urls, now=now, **more)


def reason_of(*proofs, **more):
    with pytest.raises(ProofRefused) as refused:
        check(*proofs, **more)
    return refused.value.reason


def test_accepts_the_proof_for_a_token_of_rfc_9449():
    checked = check(RFC_TOKEN_PROOF, urls=["https://server.example.com/token"], now=1562262616)

    assert checked.jkt == RFC_THUMBPRINT
    assert checked.jti == "-BwC3ESc6acc2lTc"


def test_accepts_the_proof_for_an_api_of_rfc_9449():
    checked = check(
        RFC_API_PROOF,
        method="GET",
        urls=["https://resource.example.org/protectedresource"],
        now=1562262618,
        access_token=TOKEN,
    )

    assert checked.jkt == RFC_THUMBPRINT
    assert token_hash(TOKEN) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@pytest.mark.parametrize("alg", ALGORITHMS)
@given(
    token=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    nonce=st.none() | st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True),
    method=st.sampled_from(["GET", "POST", "PATCH"]),
)
def test_what_is_made_is_accepted(alg, token, nonce, method):
    key = key_for(alg)
    made = make_proof(
        key, method=method, url=f"{URL}?a=b#c", now=NOW, access_token=token, nonce=nonce
    )

    checked = check(made, method=method, access_token=token)

    assert (checked.jkt, checked.nonce) == (key.public.thumbprint, nonce)


def test_no_two_proofs_are_alike():
    made = {make_proof(ES256, method="GET", url=URL, now=NOW) for _ in range(50)}

    assert len({check(each, method="GET").fingerprint for each in made}) == 50


@pytest.mark.parametrize("proofs", [(), (proof(now=NOW), proof(now=NOW))], ids=["none", "two"])
def test_a_request_has_one_proof(proofs):
    assert reason_of(*proofs) in ("no_proof", "several_proofs")


def test_two_headers_that_a_proxy_made_one_are_refused():
    assert reason_of(f"{proof(now=NOW)}, {proof(now=NOW)}") == "malformed"


@pytest.mark.parametrize(
    "made", ["", "x", "a.b.c", "....", "é.é.é", proof(now=NOW)[:-1], "." * 9000]
)
def test_a_proof_is_one_signed_jwt(made):
    assert reason_of(made) in ("malformed", "too_long", "unsigned")


@pytest.mark.parametrize("typ", [ABSENT, "JWT", "at+jwt", "client-authentication+jwt", ""])
def test_the_type_is_that_of_a_proof(typ):
    assert reason_of(proof(now=NOW, header={"typ": typ})) == "wrong_type"


def test_the_type_is_read_in_any_case():
    assert check(proof(now=NOW, header={"typ": "DPoP+JWT"}))


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES256K", "RSA1_5", ""])
def test_the_algorithm_is_asymmetric_and_known(alg):
    assert reason_of(proof(now=NOW, header={"alg": alg})) == "wrong_algorithm"
    assert alg not in PROOF_ALGORITHMS


def test_the_algorithm_is_one_that_is_wanted_here():
    made = proof(key=key_for("RS256"), now=NOW)

    assert check(made)
    assert reason_of(made, algorithms=["ES256", "PS256"]) == "wrong_algorithm"


@pytest.mark.parametrize("jwk", [ABSENT, None, "key", [], 1])
def test_the_public_key_is_in_the_header(jwk):
    assert reason_of(proof(now=NOW, header={"jwk": jwk})) == "no_key"


@pytest.mark.parametrize(
    "changed",
    [
        {"kty": "oct"},
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"x": "AAAA"},
        {"y": 1},
        {"x": [[]]},
        {"use": "enc"},
        {"alg": "ES384"},
        {"key_ops": ["encrypt"]},
    ],
    ids=str,
)
def test_a_key_that_cannot_be_used_is_refused(changed):
    jwk = {**public_jwk(ES256), **changed}

    assert reason_of(proof(now=NOW, header={"jwk": jwk})) == "bad_key"


@pytest.mark.parametrize("member", ["d", "k", "p", "q", "dp", "dq", "qi", "oth"])
def test_a_key_with_a_private_part_is_refused(member):
    jwk = {**public_jwk(ES256), member: "AAAA"}

    assert reason_of(proof(now=NOW, header={"jwk": jwk})) == "private_key"


def test_the_signature_is_made_by_the_key_in_the_header():
    assert reason_of(proof(now=NOW, signed_by=generate_key("ES256"))) == "bad_signature"


@pytest.mark.parametrize("htm", [ABSENT, None, "", "GET", "post", "POST ", ["POST"]])
def test_the_method_is_that_of_the_request(htm):
    assert reason_of(proof(now=NOW, htm=htm)) == "wrong_method"


@pytest.mark.parametrize(
    "htu",
    [
        "https://auth.example.com/oauth2/introspect",
        "https://auth.example.com/oauth2/token/",
        "https://other.example.com/oauth2/token",
        "http://auth.example.com/oauth2/token",
        "https://auth.example.com:8443/oauth2/token",
        "https://me@auth.example.com/oauth2/token",
        "/oauth2/token",
        "//auth.example.com/oauth2/token",
        "https://auth.example.com/oauth2/token?",
        "https://auth.example.com/oauth2/token?a=b",
        "https://auth.example.com/oauth2/token#f",
        "https://auth.example.com/oauth2/tok%zzen",
        "https://[::1/oauth2/token",
        "https://auth.example.com:99999/oauth2/token",
        "javascript:alert(1)",
        "https://auth.example.com\\oauth2\\token",
        "https://äuth.example.com/oauth2/token",
    ],
)
def test_the_url_is_that_of_the_request(htu):
    assert reason_of(proof(now=NOW, htu=htu)) == "wrong_url"


@pytest.mark.parametrize("htu", [ABSENT, None, "", 1])
def test_the_url_is_a_text(htu):
    assert reason_of(proof(now=NOW, htu=htu)) == "claim_invalid"


@pytest.mark.parametrize(
    "htu",
    [
        "HTTPS://AUTH.example.com:443/oauth2/token",
        "https://auth.example.com/oauth2/./token",
        "https://auth.example.com/x/../oauth2/token",
        "https://auth.example.com/oauth2/%74oken",
    ],
)
def test_another_spelling_of_the_url_is_the_same(htu):
    assert check(proof(now=NOW, htu=htu))


@pytest.mark.parametrize("seconds", [-60, -10, 0, 10, 60])
def test_clocks_may_differ_a_little(seconds):
    assert check(proof(now=NOW + seconds))


@pytest.mark.parametrize("seconds", [-3600, -61, 61, 3600])
def test_a_proof_is_for_now(seconds):
    assert reason_of(proof(now=NOW + seconds)) == "wrong_time"


@pytest.mark.parametrize("iat", [ABSENT, None, "1", True, [], 10**400])
def test_the_time_is_a_number(iat):
    assert reason_of(proof(now=NOW, iat=iat)) == "claim_invalid"


def test_an_endless_time_is_refused():
    payload = '{"jti":"a","htm":"POST","htu":"' + URL + '","iat":1e999}'
    header = json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(ES256)})

    assert reason_of(compact(header, payload)) == "claim_invalid"


def test_a_proof_that_could_be_shown_again_has_not_ended():
    checked = check(proof(now=NOW))

    assert reason_of(proof(now=NOW), now=checked.ends_at) == "wrong_time"


@pytest.mark.parametrize("jti", [ABSENT, None, "", 7, "x" * (MAX_JTI_LENGTH + 1)])
def test_every_proof_has_a_short_name(jti):
    assert reason_of(proof(now=NOW, jti=jti)) == "claim_invalid"


@pytest.mark.parametrize("ath", [ABSENT, None, "", token_hash("another"), token_hash(TOKEN) + "="])
def test_the_token_is_the_one_sent(ath):
    assert reason_of(proof(now=NOW, ath=ath), access_token=TOKEN) == "wrong_token"


@pytest.mark.parametrize("nonce", [None, "", 1, "x" * 513])
def test_a_nonce_is_a_short_text(nonce):
    assert reason_of(proof(now=NOW, nonce=nonce)) == "claim_invalid"


def test_other_members_are_ignored():
    jwk = {**public_jwk(ES256), "kid": 7, "x5u": "https://evil.example.com", "more": {}}
    made = proof(now=NOW, header={"jwk": jwk, "kid": "k", "jku": "https://e.example"}, exp=1, x=[1])

    assert check(made).jkt == ES256.public.thumbprint


@given(st.text(max_size=100) | st.text(alphabet="eyJ.=_-+ \n0", max_size=60))
def test_any_text_is_refused(made):
    with pytest.raises(ProofRefused):
        check(made)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_NAMES = st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce"])


@given(st.dictionaries(_NAMES, _JSON, min_size=1))
def test_any_claims_are_accepted_or_refused(claims):
    good = {"jti": "1", "htm": "POST", "htu": URL, "iat": int(NOW)}
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(ES256)}
    with suppress(ProofRefused):  # and nothing else
        check(compact(header, json.dumps({**good, **claims})))


@given(_JSON | st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e"]), _JSON))
def test_any_key_is_accepted_or_refused(jwk):
    with pytest.raises(ProofRefused):
        check(proof(now=NOW, header={"jwk": jwk}))


def test_a_refusal_repeats_nothing_that_could_break_out():
    with pytest.raises(ProofRefused) as refused:
        check(proof(now=NOW), method='GET"\r\nX: y')

    assert not set('"\r\n') & set(str(refused.value))


def test_a_malformed_request_url_is_a_refusal_too():
    assert reason_of(proof(now=NOW), urls=["https://auth.example.com/%zz"]) == "wrong_url"


def test_a_thumbprint_is_the_keys_and_not_the_headers():
    one, other = (
        check(proof(now=NOW, header={"jwk": {**public_jwk(ES256), "kid": kid}})) for kid in "ab"
    )

    assert one.jkt == other.jkt == ES256.public.thumbprint
