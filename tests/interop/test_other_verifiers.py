"""JWT libraries that others wrote read our tokens and keys."""

import jwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT

ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")


@pytest.fixture(scope="module", params=ALGORITHMS)
def signed(request, demo):
    """A token of an issuer of that algorithm, its key set, and what to expect of it."""
    alg = request.param
    issuer = f"judged-{alg.lower()}"
    demo.add_issuer(issuer, alg=alg)
    audience = demo.add_api("judged", "judged:read", issuer=issuer)
    token = demo.access_token(demo.register("judged", issuer=issuer))
    keys = demo.http.get(f"/{issuer}/.well-known/jwks.json")
    return alg, token, keys, audience, demo.issuer_url(issuer)


def test_pyjwt_accepts_it(signed):
    alg, token, keys, audience, issuer = signed
    key = jwt.PyJWKSet.from_dict(keys.json())[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=[alg], audience=audience, issuer=issuer)
    assert claims["scope"] == "judged:read"


def test_jwcrypto_accepts_it(signed):
    alg, token, keys, audience, _ = signed
    read = JWT(algs=[alg], check_claims={"aud": audience})
    read.deserialize(token, JWKSet.from_json(keys.text))
    assert '"judged:read"' in read.claims


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # RFC 9864 gave it a second name
def test_joserfc_accepts_it(signed):
    alg, token, keys, audience, _ = signed
    read = joserfc_jwt.decode(token, KeySet.import_key_set(keys.json()), algorithms=[alg])
    assert read.claims["aud"] == audience


def test_a_changed_token_is_refused_by_all(signed):
    alg, token, keys, audience, issuer = signed
    head, payload, signature = token.split(".")
    changed = f"{head}.{payload[:-6]}AAAAAA.{signature}"
    key = jwt.PyJWKSet.from_dict(keys.json())[jwt.get_unverified_header(token)["kid"]]
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(changed, key, algorithms=[alg], audience=audience, issuer=issuer)
