"""What is said to a caller whose secret was not accepted."""

from tokenbooth.protocol.errors import InvalidClient
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.secret_form import SecretParts, what_is_wrong
from tokenbooth.server.authenticated import REFUSAL
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.registry import Registry


def refusal_of(
    secret: Secret, reason: str, *, issuer: IssuerView, registry: Registry
) -> InvalidClient:
    """Return the refusal of a secret: the common one, unless its own form says what is wrong.

    Timing: every refusal of a secret comes from here, because looking at the form takes a while.
    """
    # What the secret says of itself depends on no client, so saying it tells nothing.
    wrong = what_is_wrong(secret)
    if wrong is not None:
        return InvalidClient(wrong, reason="damaged_secret")
    parts = SecretParts.read(secret)
    if parts is not None and parts.tag != issuer.record.tag:
        for other in registry.issuers.values():
            if other.record.tag == parts.tag:
                return InvalidClient(
                    f"This secret belongs to the issuer {other.url}, but {issuer.url} was called.",
                    reason="wrong_environment",
                )
    return InvalidClient(REFUSAL, reason=reason)
