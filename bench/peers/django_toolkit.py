"""django-oauth-toolkit, with a SQLite file and on PostgreSQL."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.peers.gunicorn import SETUP, under_gunicorn
from bench.peers.peer import GRANT, Offer, Peer, in_body, offer
from bench.postgres import postgres

_NAME = "django-oauth-toolkit"


@contextlib.contextmanager
def _on_sqlite(folder: Path, *, name: str, hashed: bool) -> Iterator[list[Offer]]:
    environment = {
        "BENCH_DATABASE": str(folder / f"django-{hashed:d}.db"),
        "BENCH_HASHED": f"{hashed:d}",
    }
    with under_gunicorn("django_app", folder, environment) as server:
        yield [offer(name, server, "/o/token/", GRANT + in_body())]


@contextlib.contextmanager
def _on_postgres(folder: Path, *, name: str) -> Iterator[list[Offer]]:
    with postgres(folder / "postgres.log") as database:
        environment = {"BENCH_DATABASE": database.database("peer"), "BENCH_HASHED": "0"}
        with under_gunicorn("django_app", folder, environment) as server:
            helpers = (database.server,)
            yield [offer(name, server, "/o/token/", GRANT + in_body(), helpers=helpers)]


PEERS = (
    Peer(
        name=f"{_NAME}, SQLite",
        package=f"pypi:{_NAME}",
        setup=f"{SETUP}; SQLite (WAL), secrets hashed as it does by default (PBKDF2)",
        start=partial(_on_sqlite, name=f"{_NAME}, SQLite", hashed=True),
        slow=True,
    ),
    Peer(
        name=f"{_NAME}, SQLite, plain secrets",
        package=f"pypi:{_NAME}",
        setup="the same with hash_client_secret off: faster, and secrets lie open in the database",
        start=partial(_on_sqlite, name=f"{_NAME}, SQLite, plain secrets", hashed=False),
    ),
    Peer(
        name=f"{_NAME}, PostgreSQL, plain secrets",
        package=f"pypi:{_NAME}",
        setup="the same on PostgreSQL with its defaults, connections kept (CONN_MAX_AGE)",
        start=partial(_on_postgres, name=f"{_NAME}, PostgreSQL, plain secrets"),
    ),
)
