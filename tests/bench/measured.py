"""Results as a run might have brought them."""

from bench.memory import BOUNDED, PER_CLIENT
from bench.results import Results
from bench.rounds import FAILED
from bench.table import Table

LOADED = ("what", "per second", "of limit", "calm CPU µs", "of limit, calm CPU")


def table(title, columns, *rows):
    made = Table(title=title, columns=columns)
    for row in rows:
        made.add(*row)
    return made


def results():
    figure = ("what", "figure")
    times = ("what", "per second", "Tokenbooth is × as fast")
    return Results(
        about={"date": "2026-11-22", "processor": "a processor", "load before": "0.1"},
        tables={
            "peers": table(
                "Peers",
                times,
                ("limit, ES256: hello and one bare operation", 24_000.0),
                ("limit, opaque: hello and one bare operation", 40_000.0),
                ("hello: one HTTP exchange", 41_000.0),
                ("Tokenbooth, ES256", 16_000.0),
                ("Tokenbooth, opaque", 20_000.0),
                ("oidc-provider, ES256", 2_000.0, 8.0),
                ("oidc-provider, opaque", 12_000.0, 1.7),
                ("Authlib + Flask, ES256", 400.0, 40.0),
                ("Authlib + Flask, opaque", FAILED),
                ("django-oauth-toolkit, SQLite", 0.5, 40_000.0),
            ),
            "endpoints": table(
                "Endpoints",
                LOADED,
                ("token, ES256", 15_000.0, 0.7, 50.0, 0.65),
                ("token, opaque", 19_000.0, 0.6, 40.0, 0.5),
                ("revocation (writes)", 1_000.0, 0.1, 200.0, 0.1),
            ),
            "client": table(
                "Client",
                figure,
                ("token at hand, token(), µs", 0.12),
                ("token at hand, await atoken(), µs", 0.18),
                ("100 threads and 100 tasks, cold: token requests", 1),
            ),
            "memory": table("Memory", figure, (PER_CLIENT, 4_000.0), (BOUNDED, 1.4)),
        },
    )
