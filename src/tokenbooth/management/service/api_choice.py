"""Which APIs a client can be given, as people choose among them."""

from dataclasses import dataclass

from tokenbooth.management.rights import require
from tokenbooth.management.service.apis import is_management
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import ApiScope


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiChoice:
    """An API with its scopes, and whether whoever looks can give it to a client by oneself."""

    name: str
    audience: str
    scopes: tuple[ApiScope, ...]
    self_service: bool
    is_at_once: bool  # else it is asked for, and an operator decides


async def list_choices(booth: Booth, issuer: str) -> tuple[ApiChoice, ...]:
    """Return the APIs of an issuer: those that can be had at once first, the service's own last."""
    require(booth, "apis:read")
    await find_issuer(booth, issuer)
    apis = sorted(await booth.store.list_apis(issuer), key=is_management)
    choices = (
        ApiChoice(
            name=api.name,
            audience=api.audience,
            scopes=api.scopes,
            self_service=api.self_service,
            is_at_once=api.self_service or booth.actor.account is None,
        )
        for api in apis
    )
    return tuple(sorted(choices, key=lambda each: not each.is_at_once))
