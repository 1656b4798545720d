"""What can go wrong in the protocol, one class per wire code.

ProtocolError
├── OAuthError                 what the token service answers (RFC 6749 §5.2)
│   ├── InvalidRequest         400 invalid_request
│   │   ├── MethodNotAllowed   405
│   │   └── RequestTooLarge    413
│   ├── InvalidClient          401 invalid_client
│   ├── InvalidGrant           400 invalid_grant
│   ├── UnauthorizedClient     400 unauthorized_client
│   ├── UnsupportedGrantType   400 unsupported_grant_type
│   ├── InvalidScope           400 invalid_scope
│   ├── InvalidTarget          400 invalid_target (RFC 8707 §2)
│   ├── InvalidAuthorizationDetails  400 invalid_authorization_details (RFC 9396 §5)
│   ├── InvalidClientMetadata  400 invalid_client_metadata (RFC 7591 §3.2.2)
│   ├── InvalidRedirectUri     400 invalid_redirect_uri (RFC 7591 §3.2.2)
│   ├── BadRegistrationToken   401 invalid_token (RFC 7592 §2)
│   ├── InvalidDpopProof       400 invalid_dpop_proof (RFC 9449 §5)
│   ├── UseDpopNonce           400 use_dpop_nonce (RFC 9449 §8)
│   └── TemporarilyUnavailable 503 temporarily_unavailable
│       └── TooManyRequests    429
├── BearerError                what a guarded API answers (RFC 6750 §3.1)
│   ├── NoToken                401 without a code
│   ├── MalformedRequest       400 invalid_request
│   ├── InvalidToken           401 invalid_token
│   ├── BadProof               401 invalid_dpop_proof (RFC 9449 §7.1)
│   ├── NonceNeeded            401 use_dpop_nonce (RFC 9449 §9)
│   ├── InsufficientScope      403 insufficient_scope
│   └── GuardUnavailable       503 temporarily_unavailable
├── TokenRefused               a token that fails a check; never leaves the process
└── KeyRefused                 a key that must not be used
"""

from typing import ClassVar


def printable(text: str, limit: int = 400) -> str:
    """Return `text` within the characters that `error_description` allows (RFC 6749 §5.2)."""
    shown = text if len(text) <= limit else text[: limit - 3] + "..."
    if shown.isascii() and shown.isprintable() and '"' not in shown and "\\" not in shown:
        return shown
    return "".join("'" if c == '"' else c if " " <= c <= "~" and c != "\\" else "?" for c in shown)


class ProtocolError(Exception):
    """Base of everything that this package raises."""


class OAuthError(ProtocolError):
    """A refusal of the token service.

    `description` is public; `reason` is a short typed word for logs and audit alone.
    """

    code: ClassVar[str] = "server_error"
    status: int = 400

    def __init__(self, description: str, *, reason: str | None = None) -> None:
        self.description = printable(description)
        super().__init__(self.description)
        self.reason = reason or self.code


class InvalidRequest(OAuthError):
    """The request is malformed."""

    code = "invalid_request"


class MethodNotAllowed(InvalidRequest):
    """The endpoint takes another HTTP method, named in `allow`."""

    status = 405

    def __init__(self, description: str, *, allow: str = "POST") -> None:
        super().__init__(description, reason="method_not_allowed")
        self.allow = allow


class RequestTooLarge(InvalidRequest):
    """The body is larger than any honest request."""

    status = 413


class InvalidClient(OAuthError):
    """Client authentication failed, and deliberately does not say why."""

    code = "invalid_client"
    status = 401


class InvalidGrant(OAuthError):
    """The refresh token or assertion is not good."""

    code = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client is known, but may not do what it asks."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """No such grant here."""

    code = "unsupported_grant_type"


class InvalidScope(OAuthError):
    """The scope is malformed, unknown or more than the client may have."""

    code = "invalid_scope"


class InvalidTarget(OAuthError):
    """The resource is malformed, unknown or not for this client (RFC 8707 §2)."""

    code = "invalid_target"


class InvalidAuthorizationDetails(OAuthError):
    """The details are malformed, of an unknown type or not for this client (RFC 9396 §5)."""

    code = "invalid_authorization_details"


class InvalidClientMetadata(OAuthError):
    """A client registers with something that cannot be (RFC 7591 §3.2.2)."""

    code = "invalid_client_metadata"


class InvalidRedirectUri(OAuthError):
    """A client registers redirects, and nobody is redirected here (RFC 7591 §3.2.2)."""

    code = "invalid_redirect_uri"


class BadRegistrationToken(OAuthError):
    """The token that came along registers nothing, or is not for this client (RFC 7592 §2)."""

    code = "invalid_token"
    status = 401


class InvalidDpopProof(OAuthError):
    """The DPoP proof is missing, malformed, stale, for another request or used (RFC 9449 §5)."""

    code = "invalid_dpop_proof"


class UseDpopNonce(OAuthError):
    """The proof must hold this fresh `nonce` (RFC 9449 §8)."""

    code = "use_dpop_nonce"

    def __init__(self, description: str, *, nonce: str) -> None:
        super().__init__(description)
        self.nonce = nonce


class TemporarilyUnavailable(OAuthError):
    """The service cannot decide now; the client may try again after `retry_after` seconds."""

    code = "temporarily_unavailable"
    status = 503

    def __init__(self, description: str, *, reason: str, retry_after: int = 1) -> None:
        super().__init__(description, reason=reason)
        self.retry_after = retry_after


class TooManyRequests(TemporarilyUnavailable):
    """The client asks or fails too often, and is to wait `retry_after` seconds (RFC 6585 §4)."""

    status = 429


OAUTH_CODES = frozenset(
    refusal.code
    for refusal in (
        InvalidRequest,
        InvalidClient,
        InvalidGrant,
        UnauthorizedClient,
        UnsupportedGrantType,
        InvalidScope,
        InvalidTarget,
        InvalidAuthorizationDetails,
        InvalidClientMetadata,
        InvalidRedirectUri,
        BadRegistrationToken,
        InvalidDpopProof,
        UseDpopNonce,
        TemporarilyUnavailable,
    )
)


class BearerError(ProtocolError):
    """A refusal of a guarded API; `reason` is private."""

    code: ClassVar[str | None] = None
    status: int = 401
    is_about_dpop: bool = False  # then the challenge is one for DPoP (RFC 9449 §7.1)

    def __init__(self, description: str = "", *, reason: str | None = None) -> None:
        self.description = printable(description)
        super().__init__(self.description)
        self.reason = reason or self.code or "no_token"


class NoToken(BearerError):
    """The request carries no token: the challenge has no error code (RFC 6750 §3.1)."""


class MalformedRequest(BearerError):
    """The request carries a token in a wrong way, or more than one."""

    code = "invalid_request"
    status = 400


class InvalidToken(BearerError):
    """The token is expired, revoked, malformed, foreign, or for another API."""

    code = "invalid_token"


class BadProof(BearerError):
    """The DPoP proof beside the token is missing or not good for this request (RFC 9449 §7.1)."""

    code = "invalid_dpop_proof"


class NonceNeeded(BearerError):
    """The proof must hold this fresh `nonce` (RFC 9449 §9)."""

    code = "use_dpop_nonce"

    def __init__(self, description: str, *, nonce: str) -> None:
        super().__init__(description)
        self.nonce = nonce


class InsufficientScope(BearerError):
    """The token is good, but needs the scope in `needed`."""

    code = "insufficient_scope"
    status = 403

    def __init__(self, description: str, *, needed: str) -> None:
        super().__init__(description)
        self.needed = needed


class GuardUnavailable(BearerError):
    """The guard cannot reach its issuer, so it can say neither yes nor no."""

    code = "temporarily_unavailable"
    status = 503

    def __init__(self, description: str, *, reason: str, retry_after: int = 5) -> None:
        super().__init__(description, reason=reason)
        self.retry_after = retry_after


class TokenRefused(ProtocolError):
    """A token fails a check; `reason` names which, and is not for the wire."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class KeyRefused(ProtocolError):
    """A key is too weak, inconsistent, of a wrong kind or unreadable."""
