"""What can go wrong when a machine wants a token.

ClientError
├── ConfigurationRefused      an argument that cannot work, or a call that would leak the token
├── SecretUnavailable         the place that holds the secret cannot be read
└── TokenUnavailable          no token can be had now
    ├── TokenRequestRefused   permanent: refused (invalid_client, ...), or wrongly configured
    └── TokenEndpointDown     transient: unreachable, overloaded or in trouble; a later try may do

Every text starts with the fix. None holds a secret, a token or what the other side sent as body.
"""

from dataclasses import dataclass


class ClientError(Exception):
    """Base of everything that this package raises."""


class ConfigurationRefused(ClientError, ValueError):
    """An argument that cannot work, or a call that would send the token in the clear."""


class SecretUnavailable(ClientError):
    """The client secret cannot be read from where it is said to be."""


class TokenUnavailable(ClientError):
    """No token can be had.

    `status` is the token endpoint's, None where none came; `code` is the OAuth error code or
    empty; `reason` is a short typed word.
    """

    def __init__(
        self,
        text: str,
        *,
        reason: str = "",
        status: int | None = None,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.reason = reason
        self.status = status
        self.code = code
        self.retry_after = retry_after


class TokenRequestRefused(TokenUnavailable):
    """Asking again is no use until something is changed."""


class TokenEndpointDown(TokenUnavailable):
    """The token service gave no answer, or asked to come back after `retry_after` seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no token, as a value: each of many waiters raises an error of its own."""

    text: str
    reason: str
    is_transient: bool = False
    status: int | None = None
    code: str = ""
    retry_after: float | None = None

    def as_error(self) -> ClientError:
        """Return a new error that says this."""
        if self.reason == "secret":
            return SecretUnavailable(self.text)
        kind = TokenEndpointDown if self.is_transient else TokenRequestRefused
        return kind(
            self.text,
            reason=self.reason,
            status=self.status,
            code=self.code,
            retry_after=self.retry_after,
        )
