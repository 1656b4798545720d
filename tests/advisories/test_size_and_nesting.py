"""CVE-2022-36087, CVE-2026-48990, CVE-2026-62995, CVE-2026-119284: limits come before the work."""

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.protocol.jose import CLAIMS, accept, compact, good_token, header_of, key_for, segment
from tokenbooth.protocol.client_auth import read_basic
from tokenbooth.protocol.errors import (
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    KeyRefused,
    ProtocolError,
    TokenRefused,
)
from tokenbooth.protocol.form import CONTENT_TYPE, encode_form, parse_form
from tokenbooth.protocol.http_uri import comparable
from tokenbooth.protocol.keys import parse_key_set, verification_key
from tokenbooth.protocol.messages import read_token_request
from tokenbooth.protocol.metadata import check_issuer
from tokenbooth.protocol.resource_metadata import resource_metadata_url
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.spiffe import trust_domain_of

MEGABYTE = 1 << 20
QUICK = 0.25  # seconds of computing; most take microseconds, and the tracing of coverage is slow


def refused_quickly(error: type[ProtocolError], work: Callable[[], object]) -> bool:
    start = time.thread_time()
    with pytest.raises(error):
        work()
    return time.thread_time() - start < QUICK


def test_a_token_of_ten_megabytes_is_refused_unread():
    for token in ("a" * 10 * MEGABYTE, "." * 10 * MEGABYTE, good_token() * 10_000, "é" * MEGABYTE):
        assert refused_quickly(TokenRefused, lambda token=token: accept(token))


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_ten_thousand_levels_of_nesting_are_refused(opening):
    nested = '{"a":' + opening * 10_000 + "}"
    token = f"{segment(nested)}.{segment(CLAIMS)}.{segment(b'x')}"

    assert refused_quickly(TokenRefused, lambda: accept(token))
    assert refused_quickly(KeyRefused, lambda: parse_key_set(nested.encode()))


@pytest.mark.parametrize("depth", [700, 900, 960, 985, 995, 1500])
def test_nesting_about_the_limit_of_the_interpreter_is_handled(depth):
    nested = "[" * depth + "]" * depth

    with pytest.raises(TokenRefused):
        accept(compact('{"alg":"ES256","typ":' + nested + "}"))
    with pytest.raises(TokenRefused):
        accept(compact(header_of(key_for("ES256")), '{"aud":' + nested + "}"))


def test_a_key_name_of_a_megabyte_is_refused():
    token = compact(header_of(key_for("ES256"), kid="k" * MEGABYTE))

    assert refused_quickly(TokenRefused, lambda: accept(token))


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("digits", [310, 4000, 5000, 10_000])
def test_an_endless_number_is_refused(claim, digits):
    payload = f'{{"{claim}":{"9" * digits}}}'
    token = compact(header_of(key_for("ES256")), payload)

    assert refused_quickly(TokenRefused, lambda: accept(token))


def test_a_key_of_endless_numbers_is_refused():
    rsa = key_for("RS256").public.to_jwk()
    endless = segment(b"\xff" * MEGABYTE)

    for changes in ({"n": endless}, {"e": endless}, {"d": endless}):
        assert refused_quickly(KeyRefused, lambda c=changes: verification_key({**rsa, **c}))
    ec = key_for("ES256").public.to_jwk()
    for changes in ({"x": endless}, {"d": endless}):
        assert refused_quickly(KeyRefused, lambda c=changes: verification_key({**ec, **c}))


def test_a_form_of_a_megabyte_is_refused_or_read_quickly():
    for body in (b"&" * MEGABYTE, b"a=1&" * (MEGABYTE // 4), b"%" * MEGABYTE, b"a=%zz" * 200_000):
        assert refused_quickly(InvalidRequest, lambda body=body: parse_form(body, CONTENT_TYPE))
    start = time.thread_time()
    assert parse_form(b"a=" + b"%41" * (MEGABYTE // 3), CONTENT_TYPE).get("a")
    assert time.thread_time() - start < 4 * QUICK


def test_long_scopes_and_credentials_are_refused_quickly():
    assert refused_quickly(InvalidScope, lambda: Scope.parse("a " * MEGABYTE))
    assert refused_quickly(InvalidScope, lambda: Scope.parse("a" * 4000 + '"'))
    assert refused_quickly(InvalidClient, lambda: read_basic("Basic " + "QUFB" * MEGABYTE))


@pytest.mark.parametrize(
    "address",
    [
        "https://" + "a" * MEGABYTE,
        "https://" + "a." * (MEGABYTE // 2),
        "https://" + "@" * MEGABYTE,
        "https://a:" + "9" * MEGABYTE,
        "http://[" + ":" * MEGABYTE + "]/",
        "https://a/" + "../" * (MEGABYTE // 3),
        "https://a/" + "%41" * (MEGABYTE // 3),
        "https://a/" + "%" * MEGABYTE,
        "spiffe://a/" + "x/" * (MEGABYTE // 2),
        "a:" * (MEGABYTE // 2),
        "\t" * MEGABYTE,
    ],
    ids=lambda address: repr(address[:20]),
)
def test_an_address_of_a_megabyte_is_read_or_refused_quickly(address):
    def ask_for(resource: str) -> None:
        body = encode_form([("grant_type", "client_credentials"), ("resource", resource)])
        read_token_request(parse_form(body, CONTENT_TYPE))

    for read in (comparable, check_issuer, resource_metadata_url, trust_domain_of):
        start = time.thread_time()
        with contextlib.suppress(ProtocolError, ValueError):
            read(address)
        assert time.thread_time() - start < QUICK, read
    start = time.thread_time()
    with contextlib.suppress(ProtocolError):
        ask_for(address[:65_000])  # no longer form is read
    assert time.thread_time() - start < QUICK
