"""What Prometheus reads: no secret, but how business goes, so for some networks alone."""

import asyncio

from tokenbooth.protocol.networks import is_within, parse_networks
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.metrics import families
from tokenbooth.server.metrics.process import measure
from tokenbooth.server.service import Service
from tokenbooth.server.wire import NO_STORE, send_json

_FORWARDED = (b"x-forwarded-for", b"forwarded", b"via")


async def metrics(exchange: Exchange, service: Service) -> None:
    """Answer with everything that all workers of this service counted and measured."""
    if not _may_read(exchange, service):
        await send_json(
            exchange,
            {
                "error": "access_denied",
                "error_description": "Metrics are not for this address; the operator sets "
                "TOKENBOOTH_METRICS_FROM, and TOKENBOOTH_TRUSTED_PROXY where proxies are.",
            },
            status=403,
        )
        return
    note_own_state(service)
    # Imported here: most of what it takes is never needed where nobody reads metrics.
    from tokenbooth.server.metrics.exposition import Snapshot, write

    snapshot = Snapshot(
        numbers=service.metrics.numbers,
        facts=await service.facts.find(),
        issuers=service.registry.issuers,
        now=service.clock.now(),
        monotonic=service.clock.monotonic(),
    )
    accept = ",".join(exchange.headers(b"accept"))
    # Aside: many series take longer to write than a token to issue.
    text, content_type = await asyncio.to_thread(write, snapshot, accept)
    await exchange.answer(200, text, content_type.encode(), [NO_STORE])


def note_own_state(service: Service) -> None:
    """Note what this worker has counted elsewhere and how it does, for whoever is asked."""
    counted, registry, refusals = service.metrics, service.registry, service.activity.refusals
    counted.follow(registry.hits, families.CLIENT_LOOKUPS, "hit")
    counted.follow(registry.misses, families.CLIENT_LOOKUPS, "miss")
    counted.follow(refusals.too_many, families.ACTIVITY_DROPPED, "too_many")
    counted.follow(refusals.lost, families.ACTIVITY_DROPPED, "database_away")
    counted.follow(registry.decided.made, families.DECISIONS_MADE)
    counted.follow(service.repeats.hits, families.REPEATS)
    counted.set(registry.seen_at, families.REGISTRY_SEEN)
    counted.set(registry.revision, families.REGISTRY_REVISION)
    for family, ask in counted.asked.items():
        counted.set(ask(), family)
    counted.set(registry.remembered_clients, families.CACHED_CLIENTS)
    counted.set(service.activity.pending, families.ACTIVITY_PENDING)
    if service.shared is not None:
        counted.set(service.shared.is_up, families.REDIS_UP)
        counted.follow(service.shared.calls, families.REDIS_CALLS)
        counted.follow(service.shared.losses, families.REDIS_LOSSES)
    measure(counted)


def _may_read(exchange: Exchange, service: Service) -> bool:
    proxies = service.trusted_proxies
    if any(exchange.headers(name) for name in _FORWARDED) and not exchange.is_from(proxies):
        # A proxy that nobody told us of passes strangers on in its own name.
        return False
    networks = parse_networks(service.settings.metrics_from)
    return is_within(exchange.source(proxies), networks)
