"""A token request that was answered before, letter by letter: issue and respond, at once.

What `token` reads, authenticates and decides is remembered by `repeats`; the rest is the same here
as there, but for the waiting: there is none, so that no task has to be started for it.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from tokenbooth.server.exchange import Peer, new_request_id, source_of
from tokenbooth.server.issuance import Issued, issue
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.repeats import More
from tokenbooth.server.service import Service
from tokenbooth.server.wire import issued_body, issued_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The answer, and what became of the request."""

    head: bytes = field(repr=False)  # header lines, each with its end
    body: bytes = field(repr=False)
    issuer: str
    request_id: str
    outcome: Outcome


def repeated_token(raw: bytes, peer: Peer | None, service: Service) -> Repeated | More | None:
    """Answer the request of these bytes if it repeats one that `token` answered, else None.

    MORE when it may yet do so, once the rest of it is there.
    """
    now = service.clock.now()
    found = service.repeats.find(raw, now)
    if found is None or isinstance(found, More):
        return found
    repeat, issuer = found
    caller, decision = repeat.caller, repeat.decision
    issued = _at_once(issue(decision, issuer, now))
    outcome = Outcome(source_of(peer, repeat.forwarded, service.trusted_proxies))
    outcome.repeats(caller)
    service.last_uses.note(
        caller.credential, at=now, source=outcome.source, agent=lambda: repeat.agent
    )
    outcome.issued(decision, issued)
    body = issued_body(issued, issuer.dialect)
    request_id = new_request_id()
    hint = caller.known.waste.hint(lifetime=decision.lifetime, now=now)
    head = issued_head(issuer.dialect, length=len(body), request_id=request_id, hint=hint)
    return Repeated(
        head=head, body=body, issuer=repeat.issuer, request_id=request_id, outcome=outcome
    )


def _at_once(issuing: Coroutine[Any, Any, Issued]) -> Issued:
    """Run to the end what has nothing to wait for."""
    try:
        issuing.send(None)
    except StopIteration as finished:
        issued: Issued = finished.value
        return issued
    issuing.close()
    message = "a request was remembered whose token takes waiting"
    raise RuntimeError(message)
