"""Apply configuration files, show what they would change, and write them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tokenbooth.management.configuration.applying import apply_plan, require_reading
from tokenbooth.management.configuration.checks import check_plan
from tokenbooth.management.configuration.export import written
from tokenbooth.management.configuration.gathering import gather, only_of
from tokenbooth.management.configuration.plan import Plan, make_plan
from tokenbooth.management.configuration.reading import Source, read_documents
from tokenbooth.management.configuration.resolving import resolve
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.server.bootstrap import Booth

_LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan, and the files that it is for."""

    plan: Plan
    names: str
    digest: str  # SHA-256 of the files, in hex


async def prepare(booth: Booth, sources: Sequence[Source], *, prune: bool = False) -> Prepared:
    """Compare the files with what is there; raises BadInput with every mistake in them."""
    require_reading(booth)
    document = read_documents(sources)
    state = await gather(
        booth,
        clients=document.clients,
        all_of=document.issuers if prune else (),
        new_accounts=document.accounts,
    )
    wanted = resolve(booth, document, state)
    plan = make_plan(wanted, state, prune=prune)
    check_plan(booth, plan, wanted, state)
    digest = hashlib.sha256(b"\0".join(source.text.encode() for source in sources))
    return Prepared(
        plan=plan,
        names=", ".join(source.name for source in sources)[:_LONGEST_SUBJECT],
        digest=digest.hexdigest(),
    )


async def apply(booth: Booth, prepared: Prepared) -> None:
    """Do all of it, or nothing; raises Outdated if something was changed since it was prepared."""
    await apply_plan(
        booth,
        prepared.plan,
        event="configuration_applied",
        source=prepared.names,
        digest=prepared.digest,
    )


async def export(booth: Booth, *, issuer: str | None = None) -> str:
    """Return what is there as a configuration file: everything, or one issuer and its accounts."""
    require_reading(booth)
    if issuer is not None:
        await find_issuer(booth, issuer)
        return written(only_of(await gather(booth, all_of=[issuer]), issuer))
    names = [each.name for each in await booth.store.list_issuers()]
    return written(await gather(booth, all_of=names))
