"""How the service is: its database, its keys, its version."""

from dataclasses import dataclass
from importlib.metadata import version

from tokenbooth.management.rights import require
from tokenbooth.management.service.keys import KeyView, list_keys
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.stores.contract import StoreError

_KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "postgres": "PostgreSQL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What an operator looks at first when something seems wrong."""

    version: str
    database: str  # which kind; never its address, which may hold a password
    is_database_well: bool  # it can be read and written
    signing_keys: tuple[KeyView, ...]  # the one in use of each issuer
    unreadable_keys: tuple[KeyView, ...]  # their private half opens under another master key alone
    issuers_without_key: tuple[str, ...]  # they issue nothing


async def show_health(booth: Booth) -> Health:
    """Look after the database and the keys."""
    require(booth, "keys:read", whole=True)
    try:
        await booth.store.check()
    except StoreError:
        is_well = False
    else:
        is_well = True
    keys = await list_keys(booth)
    current = tuple(key for key in keys if key.purpose == "sign" and key.status == "current")
    names = [issuer.name for issuer in await booth.store.list_issuers()]
    scheme = booth.settings.database.partition(":")[0].partition("+")[0]
    return Health(
        version=version("tokenbooth"),
        database=_KINDS.get(scheme, scheme),
        is_database_well=is_well,
        signing_keys=current,
        unreadable_keys=tuple(key for key in keys if key.signer == "unreadable"),
        issuers_without_key=tuple(sorted(set(names) - {key.issuer for key in current})),
    )
