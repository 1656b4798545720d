"""Authlib's server on Flask and SQLAlchemy, with a SQLite file."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.peers.gunicorn import SETUP, under_gunicorn
from bench.peers.peer import GRANT, Offer, Peer, in_body, offer


@contextlib.contextmanager
def _start(folder: Path, *, form: str) -> Iterator[list[Offer]]:
    environment = {
        "BENCH_DATABASE": f"sqlite:///{folder / f'authlib-{form}.db'}",
        "BENCH_FORMAT": form,
        "AUTHLIB_INSECURE_TRANSPORT": "1",  # the only way to let it listen on plain loopback
    }
    with under_gunicorn("authlib_app", folder, environment) as server:
        name = f"Authlib + Flask, {'ES256' if form == 'jwt' else 'opaque'}"
        yield [offer(name, server, "/oauth/token", GRANT + in_body())]


PEERS = tuple(
    Peer(
        name=f"Authlib + Flask, {kind}",
        package="pypi:authlib",
        setup=f"{SETUP}; Flask-SQLAlchemy on SQLite (WAL), secrets compared in plain",
        start=partial(_start, form=form),
    )
    for kind, form in (("ES256", "jwt"), ("opaque", "opaque"))
)
