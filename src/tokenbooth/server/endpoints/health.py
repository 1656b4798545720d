"""Whether the process is alive, and whether it can do its work."""

import asyncio

from tokenbooth.server.exchange import Exchange
from tokenbooth.server.service import Service
from tokenbooth.server.wire import send_json


async def healthz(exchange: Exchange, _service: Service) -> None:
    """Answer 200 as long as requests are answered at all."""
    await send_json(exchange, {"status": "ok"})


async def readyz(exchange: Exchange, service: Service) -> None:
    """Answer 200 when tokens can be issued and revoked, else 503 with what is missing."""
    if service.readiness.is_leaving:
        await send_json(exchange, {"status": "draining"}, status=503)
        return
    missing = [
        f"issuer {view.name} has no key in use"
        for view in service.registry.issuers.values()
        if view.unusable is None and (view.keys.signing is None or view.keys.sealing is None)
    ]
    missing += await _silent_signers(service)
    if not await service.readiness.is_database_well(service.store, service.clock):
        missing.append("the database cannot be read and written")
    if all(view.unusable is not None for view in service.registry.issuers.values()):
        missing.append("no issuer can be used")
    if missing:
        await send_json(exchange, {"status": "unavailable", "missing": missing}, status=503)
    else:
        state = {"status": "ready", **_unusable(service), **_degraded(service)}
        await send_json(exchange, state)


async def _silent_signers(service: Service) -> list[str]:
    """Return which signing keys cannot be used now, although they are known."""
    views = [view for view in service.registry.issuers.values() if view.keys.signing is not None]
    answers = await asyncio.gather(
        *(view.keys.signing.check() for view in views if view.keys.signing is not None),
        return_exceptions=True,
    )
    return [
        f"the signing key of issuer {view.name} does not answer"
        for view, answer in zip(views, answers, strict=True)
        if answer is not None
    ]


def _unusable(service: Service) -> dict[str, object]:
    # Not a reason to take this node away: the other issuers work here as well as anywhere.
    names = [view.name for view in service.registry.issuers.values() if view.unusable is not None]
    return {"unusable_issuers": names} if names else {}


def _degraded(service: Service) -> dict[str, object]:
    # Nor is this one: tokens are issued as ever, and every other node has lost the same.
    if service.shared is None or service.shared.is_up:
        return {}
    return {"degraded": ["Redis is away: each process counts failures and quotas by itself"]}
