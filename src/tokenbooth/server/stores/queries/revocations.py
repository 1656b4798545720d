"""What is no longer valid, and what was claimed once."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, text

from tokenbooth.server.records import Revocation
from tokenbooth.server.stores.contract import Claim, StoreUnavailable
from tokenbooth.server.stores.tables import claims, revocations

# Takes `issuer` and `key`.
IS_REVOKED = select(revocations.c.key).where(
    revocations.c.issuer == bindparam("issuer"), revocations.c.key == bindparam("key")
)

# SQLite and PostgreSQL read these two the same way.
_REVOKE = text(
    """
    INSERT INTO revocations (issuer, key, expires_at) VALUES (:issuer, :key, :expires_at)
    ON CONFLICT (issuer, key) DO UPDATE SET expires_at = excluded.expires_at
    WHERE excluded.expires_at > revocations.expires_at
    """
)
_CLAIM = text(
    """
    INSERT INTO claims (key, claimed_at, expires_at) VALUES (:key, :now, :expires_at)
    ON CONFLICT (key) DO UPDATE
    SET claimed_at = excluded.claimed_at, expires_at = excluded.expires_at
    WHERE claims.expires_at <= :now
    RETURNING claimed_at
    """
)
_WINNER = select(claims.c.claimed_at).where(claims.c.key == bindparam("key"))


def revoke(connection: Connection, revoked: Sequence[Revocation]) -> None:
    """Insert, or extend what is there."""
    # In one order everywhere: two nodes that write the same rows must not wait for each other.
    for revocation in sorted(revoked, key=lambda entry: (entry.issuer, entry.key)):
        connection.execute(
            _REVOKE,
            {
                "issuer": revocation.issuer,
                "key": revocation.key,
                "expires_at": revocation.expires_at,
            },
        )


def claim(connection: Connection, key: str, *, now: float, expires_at: float) -> Claim:
    """Insert the claim, or say when the living one was made."""
    # Twice: the living claim may be forgotten between the two statements.
    for _ in range(2):
        won = connection.execute(
            _CLAIM, {"key": key, "now": now, "expires_at": expires_at}
        ).scalar_one_or_none()
        if won is not None:
            return Claim(won=True, claimed_at=now)
        claimed_at = connection.execute(_WINNER, {"key": key}).scalar_one_or_none()
        if claimed_at is not None:
            return Claim(won=False, claimed_at=claimed_at)
    raise StoreUnavailable("A claim came and went while it was read.")


def forget_expired(connection: Connection, now: float) -> int:
    """Delete what expired before `now`."""
    return sum(
        connection.execute(delete(table).where(table.c.expires_at < now)).rowcount
        for table in (revocations, claims)
    )
