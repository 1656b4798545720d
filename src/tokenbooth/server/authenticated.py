"""A client that has proved itself, and the one answer to all that have not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenbooth.protocol.errors import InvalidClient
from tokenbooth.server.records import Client, Credential
from tokenbooth.server.registry import KnownClient

# Unknown client, wrong, expired and disabled proof all get this, whatever the reason.
REFUSAL = (
    "Client authentication failed. Check the client ID and secret; "
    "the operator finds the reason under this answer's X-Request-Id."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionUse:
    """What must be claimed before the assertion has any effect."""

    key: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatedClient:
    """A client that has proved itself, and with what."""

    known: KnownClient
    client: Client
    credential: Credential
    method: str
    uses: tuple[AssertionUse, ...] = ()  # what its proof uses up
    copied_claims: Mapping[str, Any] = field(default_factory=dict)  # of its proof, for its tokens


def with_registered_method(
    known: KnownClient, credential: Credential, method: str, *, proof: str
) -> AuthenticatedClient:
    """Return the client, unless it may not prove itself that way; raises InvalidClient."""
    client = known.client
    if method not in client.auth_methods:
        # The proof is right, so its owner may be told.
        raise InvalidClient(
            f"The {proof} is correct, but this client must use {' or '.join(client.auth_methods)}.",
            reason="wrong_method",
        )
    return AuthenticatedClient(known=known, client=client, credential=credential, method=method)
