"""The client credentials grant: the client asks for itself (RFC 6749 §4.4)."""

from tokenbooth.protocol.messages import TokenRequest
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.details import decide as decide_with_details
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision


def decide(
    request: TokenRequest,
    caller: AuthenticatedClient,
    issuer: IssuerView,
    now: float,  # noqa: ARG001 - every grant decides on the same four values
) -> Decision:
    """Decide by the client's policy alone; raises OAuthError."""
    return decide_with_details(request, caller, issuer)
