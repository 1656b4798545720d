"""What a guarded API answers instead of data (RFC 6750 §3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tokenbooth.protocol.bearer import challenge
from tokenbooth.protocol.dialects import Dialect
from tokenbooth.protocol.errors import (
    BearerError,
    GuardUnavailable,
    InsufficientScope,
    InvalidToken,
    NonceNeeded,
    NoToken,
    ProtocolError,
)


class Refusal(ProtocolError):
    """The request must not be served; holds the whole answer to send instead.

    `reason` is a short typed word for logs and metrics alone.
    """

    def __init__(
        self, *, status: int, headers: Mapping[str, str], body: Mapping[str, str], reason: str
    ) -> None:
        super().__init__(f"{status} {body.get('error', 'no token')}")
        self.status = status
        self.headers = dict(headers)
        self.body = dict(body)
        self.reason = reason


class CredentialsRefused(BearerError):
    """HTTP Basic client credentials that the token service does not accept."""

    code = "invalid_client"


class NotForThisApi(BearerError):
    """Good credentials of a client that may have no token for this API."""

    code = "insufficient_scope"
    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalWords:
    """How this API words its refusals."""

    dialect: Dialect
    realm: str | None
    basic_realm: str | None  # None: HTTP Basic is not taken
    dpop_algorithms: str
    is_dpop_required: bool = False
    metadata_url: str | None = None  # None: it is not published

    def refusal(self, error: BearerError) -> Refusal:
        """Return the answer to send for `error`."""
        description = self._description(error)
        body = {"error": error.code} if error.code else {}
        if description:
            body["error_description"] = description
        headers = {"Cache-Control": "no-store"}
        if isinstance(error, GuardUnavailable):
            headers["Retry-After"] = str(error.retry_after)
        else:
            if isinstance(error, NonceNeeded):
                headers["DPoP-Nonce"] = error.nonce
            headers["WWW-Authenticate"] = ", ".join(self._challenges(error, description))
        return Refusal(status=error.status, headers=headers, body=body, reason=error.reason)

    def _description(self, error: BearerError) -> str:
        fixed: str | None = None
        if isinstance(error, InvalidToken):
            fixed = self.dialect.guard.invalid_token
        elif isinstance(error, CredentialsRefused) and "invalid_client" in self.dialect.errors:
            fixed = self.dialect.errors["invalid_client"].description
        return error.description if fixed is None else fixed

    def _challenges(self, error: BearerError, description: str) -> Iterator[str]:
        parameters = list(self._bearer_parameters(error, description))
        if self.is_dpop_required or error.is_about_dpop:
            yield challenge("DPoP", [*parameters, ("algs", self.dpop_algorithms)])
        else:
            yield challenge("Bearer", parameters)
        if self.basic_realm is not None and error.status == 401:
            yield challenge("Basic", [("realm", self.basic_realm), ("charset", "UTF-8")])

    def _bearer_parameters(self, error: BearerError, description: str) -> Iterator[tuple[str, str]]:
        if self.realm is not None:
            yield "realm", self.realm
        if self.metadata_url is not None:  # RFC 9728 §5.1
            yield "resource_metadata", self.metadata_url
        # RFC 6750 §3.1: without a token there is no error to speak of, only the challenge.
        if error.code is None or isinstance(error, NoToken | CredentialsRefused):
            return
        yield "error", error.code
        if description:
            yield "error_description", description
        if isinstance(error, InsufficientScope):
            yield "scope", error.needed
