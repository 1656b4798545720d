"""CVE-2025-27370, CVE-2025-27371: an assertion for one server must be no good at another one.

A hostile server would publish the victim's token endpoint as its own, or have itself named as a
second audience, and pass on what it gets.
"""

import pytest

from tests.protocol.jose import key_for
from tests.remote.local_server import as_json, local_server
from tokenbooth.client import Pacing, TokenSource, TokenUnavailable
from tokenbooth.protocol.assertion import check_client_assertion, make_client_assertion
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import read_jwt, verify_jwt

NOW = 1_800_000_000.0
VICTIM, HOSTILE = "https://victim.example", "https://hostile.example"


@pytest.mark.parametrize(
    "audience",
    [[VICTIM, HOSTILE], [HOSTILE, VICTIM], f"{VICTIM}/oauth2/token", f"{VICTIM}/", HOSTILE],
)
def test_the_service_takes_no_assertion_that_is_for_others_too(audience):
    key = key_for("ES256")
    made = make_client_assertion(key, client_id="app", audience=VICTIM, jti="1", now=NOW)
    claims = verify_jwt(read_jwt(made.reveal()), key.public)

    with pytest.raises(TokenRefused, match="wrong_audience"):
        check_client_assertion(
            {**claims, "aud": audience}, typ="jwt", issuer=VICTIM, client_id="app", now=NOW
        )


def test_the_client_names_the_issuer_it_was_told_whatever_the_metadata_say():
    with local_server() as victim, local_server() as hostile:
        # Metadata that lead the client's assertion for the hostile server to the victim.
        metadata = {"issuer": hostile.url, "token_endpoint": f"{victim.url}/oauth2/token"}
        hostile.on("/.well-known/oauth-authorization-server", lambda seen: as_json(metadata))
        victim.on("/oauth2/token", lambda seen: as_json({"error": "invalid_client"}, 401))
        key = key_for("ES256")
        with (
            TokenSource(
                issuer=hostile.url, client_id="app", private_key=key, pacing=Pacing(tries=1)
            ) as source,
            pytest.raises(TokenUnavailable),
        ):
            source.token()
        [request] = victim.seen_at("/oauth2/token")

    claims = verify_jwt(read_jwt(request.form["client_assertion"][0]), key.public)
    assert claims["aud"] == hostile.url
    with pytest.raises(TokenRefused, match="wrong_audience"):
        check_client_assertion(
            claims, typ="jwt", issuer=victim.url, client_id="app", now=claims["iat"]
        )
