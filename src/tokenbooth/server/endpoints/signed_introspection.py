"""Introspection answers as JWTs, so that others can see who said it (RFC 9701)."""

from collections.abc import Iterable

from tokenbooth.protocol.errors import TemporarilyUnavailable
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.signing import sign_jwt
from tokenbooth.server.wire import NO_STORE

TYP = "token-introspection+jwt"  # RFC 9701 §5
CONTENT_TYPE = f"application/{TYP}"


def accepts_signed(accept: Iterable[str]) -> bool:
    """Whether the caller names this kind of answer; a wildcard means the plain one."""
    wanted = (kind.partition(";") for line in accept for kind in line.split(","))
    return any(
        kind.strip().lower() == CONTENT_TYPE and parameters.replace(" ", "") not in _REFUSING
        for kind, _, parameters in wanted
    )


_REFUSING = ("q=0", "q=0.0", "q=0.00", "q=0.000")


async def send_signed(
    exchange: Exchange,
    answer: dict[str, object],
    *,
    issuer: IssuerView,
    audience: str,
    now: float,
) -> None:
    """Answer with a JWT for the caller alone; raises TemporarilyUnavailable without a key."""
    signer = issuer.keys.signing
    if signer is None:
        raise TemporarilyUnavailable(
            "The issuer has no signing key in use.", reason="no_signing_key"
        )
    # RFC 9701 §5: no `exp` and no `sub` beside the answer, or it could pass for an access token.
    claims = {"iss": issuer.url, "aud": audience, "iat": int(now), "token_introspection": answer}
    token = await sign_jwt(claims, signer, typ=TYP)
    await exchange.answer(200, token.encode("ascii"), CONTENT_TYPE.encode(), (NO_STORE,))
