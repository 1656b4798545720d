"""The client credentials grant: the client asks for itself (RFC 6749 §4.4)."""

from tokenbooth.protocol.messages import TokenRequest
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision
from tokenbooth.server.policy import decide as decide_by_policy


def decide(
    request: TokenRequest,
    caller: AuthenticatedClient,
    issuer: IssuerView,
    now: float,  # noqa: ARG001 - every grant decides on the same four values
) -> Decision:
    """Decide by the client's policy alone; raises OAuthError."""
    return decide_by_policy(request, caller, issuer)
