"""An attempt to authenticate: whether it may be made, and from there, and what a failure costs."""

import functools

from tokenbooth.protocol.client_auth import Presented, PresentedSecret
from tokenbooth.protocol.errors import InvalidClient, TooManyRequests
from tokenbooth.protocol.networks import Networks, is_within, parse_network
from tokenbooth.protocol.secret_form import SecretParts
from tokenbooth.server.authenticated import REFUSAL, AuthenticatedClient
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.rate_limit import Spent
from tokenbooth.server.records import Client
from tokenbooth.server.refused_secret import refusal_of
from tokenbooth.server.service import Service

# Of these nobody guessed anything: no proof was sent, or the proof was right.
_NO_GUESSES = ("no_credentials", "wrong_method", "assertion_replayed", "network_not_allowed")

_NOWHERE = ("192.0.2.0/24",)


class Attempt:
    """One attempt of one caller to prove to be one client."""

    __slots__ = (
        "_client_id",
        "_issuer",
        "_outcome",
        "_presented",
        "_service",
        "_spent",
        "_was_known",
    )

    def __init__(
        self, issuer: IssuerView, presented: Presented, service: Service, outcome: Outcome
    ) -> None:
        """Begin; raises TooManyRequests for a guess when too many failed before.

        What nobody can guess is looked at all the same: who shares an address with a guesser
        must not be locked out with it.
        """
        self._issuer = issuer
        self._presented = presented
        self._client_id = presented.client_id or ""
        self._service = service
        self._outcome = outcome
        self._was_known = service.registry.remembered(issuer.name, self._client_id) is not None
        self._spent = service.failures.spent(issuer.name, self._client_id, outcome.source)
        if self._spent is not None and _could_be_guessed(presented):
            self._refuse(self._spent)

    def _refuse(self, spent: Spent) -> None:
        # The same for clients that do not exist: it tells nothing of those that do.
        reason = f"failures_of_{spent.budget}"
        if self._service.settings.failures_observe:
            self._outcome.observed(reason)
            self._spent = None  # once is enough
            return
        whose = "to authenticate" if spent.budget == "source" else "to authenticate as this client"
        raise TooManyRequests(
            f"Too many failed attempts {whose} came from this address. "
            f"Check the credentials, and try again in {spent.seconds} s.",
            reason=reason,
            retry_after=spent.seconds,
        )

    def failed(self, refused: InvalidClient) -> None:
        """Count the failure; raises InvalidClient when it is to be answered otherwise."""
        if isinstance(self._presented, PresentedSecret):
            parts = SecretParts.read(self._presented.secret)
            self._outcome.claimed_credential = parts.credential_id if parts is not None else ""
        # Timing: where the caller is costs a look, so every refusal takes one.
        may_come_from_here = self._may_come_from_here()
        if refused.reason == "wrong_method" and not may_come_from_here:
            # The refusal says that the proof is right, which a thief must not learn.
            raise self._refusal_elsewhere() from refused
        if refused.reason in _NO_GUESSES:
            return
        if self._spent is not None:
            self._refuse(self._spent)
        self._service.failures.note(self._issuer.name, self._client_id, self._outcome.source)

    def _may_come_from_here(self) -> bool:
        known = self._service.registry.remembered(self._issuer.name, self._client_id)
        networks = known.client.policy.networks if known is not None else ()
        within = is_within(self._outcome.source, _parsed(networks or _NOWHERE))
        return within or not networks

    async def succeeded(self, caller: AuthenticatedClient) -> None:
        """Raise InvalidClient for a good proof that comes from where its client never is."""
        client = caller.client
        if _is_allowed(client, self._outcome.source):
            return
        if client.policy.networks_observe:
            self._outcome.observed("network_not_allowed")
            return
        if self._was_known:
            # Timing: an unknown client costs a look into the store, so every refusal does.
            await self._service.registry.ask_store(self._issuer.name, client.client_id)
        raise self._refusal_elsewhere()

    def _refusal_elsewhere(self) -> InvalidClient:
        reason = "network_not_allowed"
        if not isinstance(self._presented, PresentedSecret):
            return InvalidClient(REFUSAL, reason=reason)
        registry = self._service.registry
        return refusal_of(self._presented.secret, reason, issuer=self._issuer, registry=registry)


def _could_be_guessed(presented: Presented) -> bool:
    """Whether it is a secret that the service cannot have made: those have 256 random bits."""
    if not isinstance(presented, PresentedSecret):
        return False
    secrets = [presented.secret]
    if presented.raw_reading is not None:
        secrets.append(presented.raw_reading[1])
    return all(SecretParts.read(secret) is None for secret in secrets)


def _is_allowed(client: Client, source: str) -> bool:
    networks = client.policy.networks
    return not networks or is_within(source, _parsed(networks))


@functools.lru_cache(maxsize=4096)
def _parsed(networks: tuple[str, ...]) -> Networks:
    return tuple(parse_network(text) for text in networks)
