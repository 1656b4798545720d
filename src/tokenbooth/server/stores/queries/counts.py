"""How many there are of what: over the whole database, so not to be asked often."""

from sqlalchemy import Connection, func, select

from tokenbooth.server.stores.tables import clients, credentials


def count_clients(connection: Connection) -> dict[tuple[str, bool], int]:
    """Count clients by issuer, and whether they are enabled."""
    kinds = (clients.c.issuer, clients.c.enabled)
    rows = connection.execute(select(*kinds, func.count()).group_by(*kinds))
    return {(issuer, bool(enabled)): count for issuer, enabled, count in rows}


def count_ending_credentials(
    connection: Connection, *, now: float, before: float
) -> dict[tuple[str, str], int]:
    """Count credentials by issuer and kind that end in that time without a successor."""
    ends, kinds = credentials.c.expires_at, (credentials.c.issuer, credentials.c.kind)
    chosen = select(*kinds, func.count()).where(
        ends > now, ends < before, credentials.c.replaced_by.is_(None)
    )
    rows = connection.execute(chosen.group_by(*kinds))
    return {(issuer, kind): count for issuer, kind, count in rows}
