"""CVE-2026-27962: a key or key address in the token's own header proves nothing."""

import socket

import pytest

from tests.protocol.jose import accept, compact, header_of, key_for
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.keys import generate_key

TRUSTED = key_for("ES256")
ATTACKER = generate_key("ES256")


@pytest.mark.parametrize(
    "kid", [TRUSTED.kid, ATTACKER.kid, None], ids=["trusted", "attacker's", "none"]
)
def test_an_embedded_jwk_is_not_used(kid):
    header = header_of(ATTACKER, kid=kid, jwk=ATTACKER.public.to_jwk())

    with pytest.raises(TokenRefused, match="bad_signature"):
        accept(compact(header, key=ATTACKER), TRUSTED.public)


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_a_key_address_causes_no_connection(member):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"

        with pytest.raises(TokenRefused, match="bad_signature"):
            accept(compact(header_of(ATTACKER, **{member: address}), key=ATTACKER), TRUSTED.public)

        with pytest.raises(BlockingIOError):
            listener.accept()


def test_an_embedded_certificate_is_not_used():
    header = header_of(ATTACKER, x5c=["MIIB"], **{"x5t#S256": "AAAA"})

    with pytest.raises(TokenRefused, match="bad_signature"):
        accept(compact(header, key=ATTACKER), TRUSTED.public)
