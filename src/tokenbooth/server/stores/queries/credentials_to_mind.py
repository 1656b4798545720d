"""Credentials that somebody should look after."""

from sqlalchemy import Connection, and_, func, or_, select

from tokenbooth.server.records import OwnedCredential
from tokenbooth.server.stores.rows import credential_of
from tokenbooth.server.stores.tables import clients, credentials


def list_all(
    connection: Connection,
    *,
    now: float,
    expires_before: float,
    used_before: float,
    account: str | None,
    issuer: str | None,
    limit: int,
) -> tuple[OwnedCredential, ...]:
    """Select those that end soon, were replaced, or are unused."""
    ends = credentials.c.expires_at
    used = func.coalesce(credentials.c.last_used_at, credentials.c.created_at)
    own = and_(
        clients.c.issuer == credentials.c.issuer, clients.c.client_id == credentials.c.client_id
    )
    chosen = (
        select(credentials, clients.c.account)
        .join(clients, own)
        .where(
            or_(
                and_(ends > now, ends < expires_before),
                credentials.c.replaced_by.is_not(None),
                and_(or_(ends.is_(None), ends > now), used < used_before),
            )
        )
        .order_by(credentials.c.issuer, credentials.c.client_id, credentials.c.id)
        .limit(limit)
    )
    if account is not None:
        chosen = chosen.where(clients.c.account == account)
    if issuer is not None:
        chosen = chosen.where(clients.c.issuer == issuer)
    return tuple(
        OwnedCredential(credential=credential_of(row), account=row[-1])
        for row in connection.execute(chosen)
    )
