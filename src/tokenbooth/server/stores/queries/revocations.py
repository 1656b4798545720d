"""What is no longer valid, in the order in which it was revoked, and what was claimed once."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, text, update

from tokenbooth.server.records import Revocation
from tokenbooth.server.stores.contract import Claim, StoreUnavailable
from tokenbooth.server.stores.tables import claims, feed, revocations

# Takes `issuer` and so many keys, `key0` and on.
KEYS_AT_ONCE = 5
FIND_REVOKED = select(revocations.c.key, revocations.c.before).where(
    revocations.c.issuer == bindparam("issuer"),
    revocations.c.key.in_([bindparam(f"key{place}") for place in range(KEYS_AT_ONCE)]),
)

NEWEST = select(feed.c.revocation_seq)

# Takes `issuer`, `cursor`, `now` and `limit`.
PAGE = (
    select(revocations.c.key, revocations.c.expires_at, revocations.c.before, revocations.c.seq)
    .where(
        revocations.c.issuer == bindparam("issuer"),
        revocations.c.seq > bindparam("cursor"),
        revocations.c.expires_at >= bindparam("now"),
    )
    .order_by(revocations.c.seq)
    .limit(bindparam("limit"))
    .offset(literal_column("0"))  # else SQLAlchemy adds a parameter of its own for SQLite
)

_TAKE_NUMBER = (
    update(feed).values(revocation_seq=feed.c.revocation_seq + 1).returning(feed.c.revocation_seq)
)

# SQLite and PostgreSQL read these two the same way. No `before` is the latest: it is for all time.
_REVOKE = text(
    """
    INSERT INTO revocations (issuer, key, expires_at, before, seq)
    VALUES (:issuer, :key, :expires_at, :before, :seq)
    ON CONFLICT (issuer, key) DO UPDATE SET
        expires_at = CASE WHEN excluded.expires_at > revocations.expires_at
            THEN excluded.expires_at ELSE revocations.expires_at END,
        before = CASE WHEN excluded.before > revocations.before OR excluded.before IS NULL
            THEN excluded.before ELSE revocations.before END,
        seq = excluded.seq
    WHERE excluded.expires_at > revocations.expires_at
        OR (revocations.before IS NOT NULL
            AND (excluded.before IS NULL OR excluded.before > revocations.before))
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


def look_ups(issuer: str, keys: Sequence[str]) -> list[dict[str, str]]:
    """Return the parameters of FIND_REVOKED, as often as it takes to ask for all keys."""
    asked = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        named = {f"key{place}": some[min(place, len(some) - 1)] for place in range(KEYS_AT_ONCE)}
        asked.append({"issuer": issuer, **named})
    return asked


def revoke(connection: Connection, revoked: Sequence[Revocation]) -> None:
    """Insert, or extend what is there, under numbers that nobody sees out of order."""
    # In one order everywhere: two nodes that write the same rows must not wait for each other.
    # Taking a number is waiting for whoever took the one before to commit.
    for revocation in sorted(revoked, key=lambda entry: (entry.issuer, entry.key)):
        connection.execute(
            _REVOKE,
            {
                "issuer": revocation.issuer,
                "key": revocation.key,
                "expires_at": revocation.expires_at,
                "before": revocation.before,
                "seq": connection.execute(_TAKE_NUMBER).scalar_one(),
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


def forget_claims(connection: Connection, prefix: str, now: float) -> int:
    """Delete claims under `prefix` that expired before `now`."""
    return connection.execute(
        delete(claims).where(
            claims.c.expires_at < now, func.substr(claims.c.key, 1, len(prefix)) == prefix
        )
    ).rowcount
