"""CVE-2024-53861 (GHSA-75c5-xw7c-p5pm), CVE-2026-75509: names are compared whole, as texts."""

import pytest

from tests.protocol.jose import AUDIENCE, ISSUER, accept, good_token
from tokenbooth.protocol.errors import TokenRefused


@pytest.mark.parametrize(
    "issuer",
    [
        [ISSUER],
        [ISSUER, "x"],
        {ISSUER: 1},
        ISSUER[:10],
        ISSUER + "x",
        ISSUER + "\x00",
        "",
        "h",
        True,
    ],
    ids=repr,
)
def test_an_issuer_is_no_list_no_part_and_no_prefix(issuer):
    with pytest.raises(TokenRefused):
        accept(good_token(iss=issuer))


@pytest.mark.parametrize(
    "audience",
    [
        AUDIENCE[:-1],
        AUDIENCE + "/x",
        "",
        [],
        [AUDIENCE[:5]],
        [[AUDIENCE]],
        {AUDIENCE: 1},
        "*",
        ["*"],
    ],
    ids=repr,
)
def test_an_audience_is_no_part_no_prefix_and_no_wildcard(audience):
    with pytest.raises(TokenRefused):
        accept(good_token(aud=audience))


@pytest.mark.parametrize("expiry", [None, True, "9999999999", [9999999999], {}, ""], ids=repr)
def test_an_expiry_of_another_type_is_not_forever(expiry):
    with pytest.raises(TokenRefused):
        accept(good_token(exp=expiry))
