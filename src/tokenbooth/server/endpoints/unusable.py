"""What an issuer answers that cannot be served now, say because its dialect's file is missing."""

from tokenbooth.protocol.errors import TemporarilyUnavailable
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.service import Service

_RETRY_AFTER = 30  # seconds; an operator must act first


async def unusable(
    _exchange: Exchange, _issuer: IssuerView, _service: Service, _outcome: Outcome
) -> None:
    """Refuse every request; the reason is in the log and stays there."""
    raise _refusal()


async def latest(issuer: IssuerView, service: Service) -> IssuerView:
    """Return the issuer as the store has it now, with the keys that other nodes use already.

    Without them a good token would pass for a foreign one. Raises StoreUnavailable, and
    TemporarilyUnavailable where there is no saying.
    """
    await service.registry.refresh()
    known = service.registry.issuers.get(issuer.name, issuer)
    if known.unusable is not None:
        raise _refusal()
    return known


def _refusal() -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        "This issuer cannot be served now; the operator finds the reason in the log.",
        reason="issuer_unusable",
        retry_after=_RETRY_AFTER,
    )
