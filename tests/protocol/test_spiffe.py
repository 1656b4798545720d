"""SPIFFE IDs and bundles, after the specifications of the SPIFFE project."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import key_for
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.spiffe import (
    LEAST_REFRESH,
    MOST_REFRESH,
    SpiffeRefused,
    check_trust_domain,
    parse_bundle,
    trust_domain_of,
)

JWK = {**key_for("ES256").public.to_jwk(), "use": "jwt-svid"}


def bundle(*keys, **more):
    return json.dumps({"keys": list(keys), **more}).encode()


@pytest.mark.parametrize(
    "spiffe_id", ["spiffe://td.example/app", "spiffe://a-b_c.9/ns/shop/sa/till", "spiffe://td/A.b"]
)
def test_the_trust_domain_stands_between_scheme_and_path(spiffe_id):
    assert trust_domain_of(spiffe_id) == spiffe_id.split("/")[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://",
        "spiffe://td",
        "spiffe://td/",
        "spiffe:///app",
        "spiffe://TD/app",
        "SPIFFE://td/app",
        "spiffe://td/app/",
        "spiffe://td//app",
        "spiffe://td/../app",
        "spiffe://td/a b",
        "spiffe://td/%61",
        "spiffe://td:80/app",
        "spiffe://user@td/app",
        "spiffe://td/app?x",
        "spiffe://td/app#x",
        "https://td/app",
        "spiffe://td/" + "a" * 2048,
    ],
)
def test_refuses_what_is_no_spiffe_id(text):
    with pytest.raises(SpiffeRefused):
        trust_domain_of(text)


def test_refuses_what_is_no_trust_domain():
    check_trust_domain("td.example")
    for name in ("", "TD", "a/b", "a:1", "x" * 256):
        with pytest.raises(SpiffeRefused):
            check_trust_domain(name)


def test_only_the_keys_for_jwt_svids_count():
    keys = parse_bundle(bundle({**JWK, "use": "x509-svid", "kid": "x"}, {**JWK, "kid": "j"}))
    assert [key.kid for key in keys] == ["j"]


@pytest.mark.parametrize("changed", [{"use": "sig"}, {"use": None}, {"kid": ""}, {"kty": "oct"}])
def test_keys_of_another_use_or_without_a_name_are_left_out(changed):
    assert len(parse_bundle(bundle({**JWK, **changed}))) == 0


@pytest.mark.parametrize(
    ("hint", "max_age"),
    [
        (300, 300.0),
        (1, LEAST_REFRESH),
        (-5, LEAST_REFRESH),
        (10**9, MOST_REFRESH),
        (True, None),
        ("300", None),
        (None, None),
    ],
)
def test_the_refresh_hint_is_honoured_within_bounds(hint, max_age):
    assert parse_bundle(bundle(JWK, spiffe_refresh_hint=hint)).max_age == max_age


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", bundle(*[JWK] * 101)]
)
def test_refuses_what_is_no_bundle(document):
    with pytest.raises(KeyRefused):
        parse_bundle(document)


@given(st.binary(max_size=200))
def test_whatever_comes_as_bundle_is_read_or_refused(document):
    with contextlib.suppress(KeyRefused):
        assert len(parse_bundle(document)) == 0


@given(st.text(max_size=60).map(lambda text: f"spiffe://{text}"))
def test_a_trust_domain_that_was_read_is_one(text):
    try:
        domain = trust_domain_of(text)
    except SpiffeRefused:
        return
    check_trust_domain(domain)
