"""DPoP proofs made by hand, good and bad."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from tests.protocol.jose import compact, key_for
from tokenbooth.protocol.keys import SigningKey

ABSENT = object()
_numbers = count(1)


def public_jwk(key: SigningKey) -> dict[str, str]:
    return dict(key.public.jwk)


def proof(
    *,
    key: SigningKey | None = None,
    method: str = "POST",
    url: str = "https://auth.example.com/oauth2/token",
    now: float,
    header: Mapping[str, Any] | None = None,
    signed_by: SigningKey | None = None,
    **claims: Any,
) -> str:
    """A good proof but for what is changed; ABSENT leaves a member out."""
    key = key or key_for("ES256")
    head = {"typ": "dpop+jwt", "alg": key.alg, "jwk": public_jwk(key), **(header or {})}
    body = {"jti": f"proof-{next(_numbers)}", "htm": method, "htu": url, "iat": int(now), **claims}
    return compact(_present(head), _present(body), key=signed_by or key)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}
