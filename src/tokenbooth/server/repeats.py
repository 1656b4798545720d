"""Requests that were answered before, letter by letter: nothing of them has to be read again.

A machine asks for its tokens with the same bytes each time. Once such a request has been read,
its client authenticated and its case decided, the same bytes mean the same, until the client, its
credential or anything of the issuer changes. Each time is checked again that nothing has.

Kept are no bytes but their keyed digest: they hold the client's secret.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.exchange import Exchange, Header
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision
from tokenbooth.server.registry import Registry
from tokenbooth.server.signing import SoftwareSigner

LONGEST = 4096  # bytes; longer requests hold assertions or proofs, which never come twice
_MOST_PER_CLIENT = 8  # so that no client pushes out all others by asking in many ways
_DIGEST_BYTES = 16
# With these, more than the bytes decides what is meant: the connection, or what came before.
# Those of a proof, of a connection, and of a trace, which is never the same again.
_NOT_ALONE = frozenset(
    (b"upgrade", b"expect", b"transfer-encoding", b"trailer", b"dpop", b"traceparent")
)
_ALWAYS_SO = b"keep-alive"  # what many clients write under "Connection", and the default anyway


class More(Enum):
    """That a request may be going to repeat another, once all of it is there."""

    MORE = 0


MORE = More.MORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What a request meant, as far as it was decided without looking at the time."""

    caller: AuthenticatedClient
    decision: Decision
    issuer: str
    mark: object  # of the issuer's view that the decision rests on
    agent: str
    forwarded: tuple[str, ...]  # X-Forwarded-For, for a trusted proxy to be believed


class Repeats:
    """What this process remembers of requests; the oldest goes first when it is full."""

    __slots__ = (
        "_by_digest",
        "_capacity",
        "_certificate_header",
        "_heads",
        "_keyed",
        "_registry",
        "hits",
    )

    def __init__(
        self, registry: Registry, *, capacity: int, certificate_header: bytes | None = None
    ) -> None:
        self._registry = registry
        self._capacity = capacity
        self._certificate_header = certificate_header  # whose worth depends on who sends it
        self._by_digest: dict[bytes, Repeat] = {}
        self.hits = 0  # requests that repeated another
        self._heads: dict[bytes, None] = {}  # of requests that came in two pieces
        self._keyed = hashlib.blake2b(digest_size=_DIGEST_BYTES, key=os.urandom(32))

    def __len__(self) -> int:
        return len(self._by_digest)

    def find(self, raw: bytes, now: float) -> tuple[Repeat, IssuerView] | More | None:
        """Return what the same bytes meant before, if they still do, and the issuer as it is.

        MORE when the rest of a request that was answered before came after these bytes.
        """
        digest = self._digest(raw)
        repeat = self._by_digest.get(digest)
        if repeat is None:
            return MORE if digest in self._heads else None
        caller = repeat.caller
        issuer = self._registry.issuers.get(repeat.issuer)
        if (
            issuer is not None
            and issuer.mark is repeat.mark
            and self._registry.remembered(repeat.issuer, caller.client.client_id) is caller.known
            and caller.credential.is_valid_at(now)
        ):
            self._registry.hits += 1
            self.hits += 1
            return repeat, issuer
        self._forget(digest)
        return None

    def remember(
        self,
        exchange: Exchange,
        issuer: IssuerView,
        caller: AuthenticatedClient,
        decision: Decision,
    ) -> None:
        """Remember a request that has just been answered, if the same bytes will mean the same.

        Only for requests that showed a secret, and neither a proof nor a certificate.
        """
        pieces = exchange.raw
        if pieces is None or sum(map(len, pieces)) > LONGEST:
            return
        if not _is_timeless(caller, decision, issuer):
            return
        if not self._stands_alone(exchange.scope["headers"]):
            return
        digest = self._digest(b"".join(pieces))
        of_client = caller.known.repeats
        if digest in of_client:
            return
        if digest in self._by_digest:  # of this client as it was, or as another request read it
            self._forget(digest)
        if len(of_client) >= _MOST_PER_CLIENT:
            self._forget(of_client[0])
        if len(self._by_digest) >= self._capacity:
            self._forget(next(iter(self._by_digest)))
        of_client.append(digest)
        self._by_digest[digest] = Repeat(
            caller=caller,
            decision=decision,
            issuer=issuer.name,
            mark=issuer.mark,
            agent=exchange.agent(),
            forwarded=exchange.headers(b"x-forwarded-for"),
        )
        if len(pieces) > 1:
            self._expect_more_after(pieces[0])

    def _expect_more_after(self, head: bytes) -> None:
        if len(self._heads) >= self._capacity:
            del self._heads[next(iter(self._heads))]
        self._heads[self._digest(head)] = None

    def _stands_alone(self, headers: Iterable[Header]) -> bool:
        for name, value in headers:
            if name in _NOT_ALONE or name == self._certificate_header:
                return False
            if name == b"connection" and value.lower() != _ALWAYS_SO:
                return False
        return True

    def _forget(self, digest: bytes) -> None:
        repeat = self._by_digest.pop(digest)
        repeat.caller.known.repeats.remove(digest)

    def _digest(self, raw: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(raw)
        return keyed.digest()


def _is_timeless(caller: AuthenticatedClient, decision: Decision, issuer: IssuerView) -> bool:
    """Whether nothing but the client and its issuer decided, and nothing has to be waited for."""
    policy = caller.client.policy
    return (
        decision.spends is None
        and not decision.rests_on
        and decision.confirmation is None
        and not caller.uses
        and not caller.copied_claims
        and not policy.networks
        and policy.quota_per_hour is None
        and (decision.token_format == "opaque" or isinstance(issuer.keys.signing, SoftwareSigner))
        # A secret of our own making: others are compared slowly, and replaced by their first use.
        and any(known.credential is caller.credential for known in caller.known.secrets)
    )
