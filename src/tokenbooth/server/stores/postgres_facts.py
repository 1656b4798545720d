"""What a PostgreSQL server says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from tokenbooth.server.stores.limits import DEFAULT_LIMITS
from tokenbooth.server.stores.postgres_errors import as_store_errors
from tokenbooth.server.stores.postgres_url import check_url

_NAMES = ("fsync", "full_page_writes", "synchronous_commit", "max_connections")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresFacts:
    """Its settings, its clock, and how we reach it."""

    settings: Mapping[str, str]  # what sessions start with, whatever ours ask for
    now: float
    is_encrypted: bool  # whether this connection was
    is_read_only: bool  # a standby, or told to be


async def ask_postgres(url: str) -> PostgresFacts:
    """Ask the server of that URL; raises StoreUnavailable."""
    check_url(url)
    with as_store_errors(url):
        connection = await asyncpg.connect(url, timeout=DEFAULT_LIMITS.connect_seconds)
        try:
            rows = await connection.fetch(
                "SELECT name, reset_val FROM pg_settings WHERE name = ANY($1)", list(_NAMES)
            )
            now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
            is_encrypted = await connection.fetchval(
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            )
            read_only = await connection.fetchval("SHOW transaction_read_only")
        finally:
            await connection.close()
    return PostgresFacts(
        settings={row["name"]: row["reset_val"] for row in rows},
        now=now,
        is_encrypted=bool(is_encrypted),
        is_read_only=read_only == "on",
    )
