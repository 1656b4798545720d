"""The client as an API sees it, after its token was checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from tokenbooth.protocol.access_token import AccessToken
from tokenbooth.protocol.confirmation import Confirmation, read_confirmation
from tokenbooth.protocol.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls and what it may do. The token itself is not kept."""

    client_id: str
    subject: str  # the client's id, unless it acts for somebody
    scope: Scope
    issuer: str
    audience: tuple[str, ...]
    expires_at: float | None  # seconds since 1970 UTC; None: the token service named no end
    token_id: str | None  # the "jti"
    confirmation: Confirmation | None = None  # the key or certificate that it proved to hold
    claims: Mapping[str, Any] = field(repr=False, compare=False)  # all that the token says

    @classmethod
    def of(cls, token: AccessToken) -> Self:
        """Build from a checked JWT access token; raises TokenRefused when it is bound oddly."""
        return cls(
            client_id=token.client_id,
            subject=token.subject,
            scope=token.scope,
            issuer=token.issuer,
            audience=token.audience,
            expires_at=token.expires_at,
            token_id=token.jti,
            confirmation=read_confirmation(token.claims),
            # One caller object serves many requests, so none may change it for the others.
            claims=MappingProxyType(token.claims),
        )
