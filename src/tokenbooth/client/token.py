"""An access token as its user sees it (RFC 6749 §5.1)."""

from dataclasses import dataclass, field

from tokenbooth.protocol.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token to send along; `repr` and `str` do not show it."""

    access_token: str = field(repr=False)
    token_type: str = "Bearer"
    expires_at: float  # seconds since 1970-01-01 UTC, by this machine's clock
    scope: Scope

    @property
    def authorization(self) -> str:
        """The value of the Authorization header (RFC 6750 §2.1)."""
        return f"{self.token_type} {self.access_token}"
