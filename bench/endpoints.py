"""The service's endpoints beside the limit: one HTTP exchange plus one bare signature."""

import base64
import contextlib
import json
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.booths import CLIENT_ID, greeting, issuer_path, prepare, serving
from bench.load import Load, NextRequest, Target, ask, chained, get, post, run_load, same
from bench.raw import microseconds, raw_operations
from bench.table import Table, number

HELLO = "hello: one HTTP exchange"
_TOKEN = "/oauth2/token"
_GRANT = "grant_type=client_credentials"
_RAW_SECONDS = 0.2
_BY_CPU = ("calm CPU µs", "calm limit µs", "of limit, calm CPU")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the table. `signature` names the bare operation that the limit contains."""

    name: str
    target: Target
    signature: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What was measured within the same few seconds."""

    loads: dict[str, Load]
    raw: dict[str, float]  # microseconds


def measure(folder: Path, *, rounds: int, seconds: float, connections: int) -> Table:
    """Measure every endpoint in interleaved rounds."""
    operations = raw_operations()
    with contextlib.ExitStack() as stack:
        cases = stack.enter_context(_cases(folder))
        for case in cases:  # warm up, and fill the registry
            run_load(case.target, connections=connections, seconds=min(0.5, seconds))
        measured = [
            Round(
                raw={name: microseconds(run, _RAW_SECONDS) for name, run in operations.items()},
                loads={
                    case.name: run_load(case.target, connections=connections, seconds=seconds)
                    for case in cases
                },
            )
            for _ in range(rounds)
        ]
    return _table(cases, measured, connections)


@contextlib.contextmanager
def _cases(folder: Path) -> Iterator[list[Case]]:
    database, log = folder / "endpoints.db", folder / "endpoints.log"
    secrets = prepare(database)
    with (
        greeting(log) as hello,
        serving(database, log) as server,
        serving(database, log, log_format="json") as json_logs,
        serving(database, log, log_level="warning") as no_logs,
    ):

        def token(kind: str, port: int = server.port) -> bytes:
            form = f"{_GRANT}&client_id={CLIENT_ID}&client_secret={secrets[kind]}"
            return post(issuer_path(kind) + _TOKEN, form, port=port)

        def on(request: bytes, pid: int = server.pid, port: int = server.port) -> Target:
            return Target(port=port, pid=pid, stream=same(request))

        basic = "Authorization: Basic " + _base64(f"{CLIENT_ID}:{secrets['ES256']}")
        yield [
            Case(name=HELLO, target=on(token("ES256", hello.port), hello.pid, hello.port)),
            Case(name="ES256", target=on(token("ES256")), signature="ES256"),
            Case(name="EdDSA", target=on(token("EdDSA")), signature="EdDSA"),
            Case(name="opaque", target=on(token("opaque")), signature="opaque"),
            Case(name="RS256", target=on(token("RS256")), signature="RS256"),
            Case(
                name="ES256, HTTP Basic, scope asked",
                target=on(post(_TOKEN, f"{_GRANT}&scope=persons%3Aread", basic, port=server.port)),
                signature="ES256",
            ),
            Case(
                name="ES256, log as JSON",
                target=on(token("ES256", json_logs.port), json_logs.pid, json_logs.port),
                signature="ES256",
            ),
            Case(
                name="ES256, log of warnings only",
                target=on(token("ES256", no_logs.port), no_logs.pid, no_logs.port),
                signature="ES256",
            ),
            Case(
                name="refresh, rotated (writes)",
                target=Target(
                    port=server.port, pid=server.pid, stream=_refreshing(secrets, server.port)
                ),
                signature="ES256",
            ),
            *[
                Case(
                    name=f"introspection, {kind}",
                    target=on(_question(kind, secrets, server.port, token(kind))),
                )
                for kind in ("ES256", "opaque")
            ],
            Case(name="JWKS", target=on(get("/.well-known/jwks.json", port=server.port))),
        ]


def _question(kind: str, secrets: dict[str, str], port: int, token: bytes) -> bytes:
    form = f"client_id={CLIENT_ID}&client_secret={secrets[kind]}&token="
    form += json.loads(ask(port, token))["access_token"]
    return post(issuer_path(kind) + "/oauth2/introspect", form, port=port)


def _refreshing(secrets: dict[str, str], port: int) -> Callable[[int], NextRequest]:
    client = f"&client_id={CLIENT_ID}&client_secret={secrets['refresh']}"

    def make(answer: dict[str, object] | None) -> bytes:
        grant = (
            f"grant_type=refresh_token&refresh_token={answer['refresh_token']}"
            if answer is not None
            else _GRANT
        )
        return post(issuer_path("refresh") + _TOKEN, grant + client, port=port)

    return chained(make)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _table(cases: list[Case], measured: list[Round], connections: int) -> Table:
    table = Table(
        title=f"Endpoints: one worker, SQLite, {connections} connections, log to a file",
        columns=("what", "per second", "p50 µs", "p99 µs", "of limit", *_BY_CPU),
    )
    for case in cases:
        loads = [each.loads[case.name] for each in measured]
        hellos = [each.loads[HELLO] for each in measured]
        raw = [each.raw[case.signature] if case.signature else 0.0 for each in measured]
        of_limit = _median(
            load.per_second * (1 / hello.per_second + sign / 1e6)
            for load, hello, sign in zip(loads, hellos, raw, strict=True)
        )
        cpu = _calm(load.cpu for load in loads)
        limit = _calm(hello.cpu for hello in hellos) + _calm(raw)
        table.add(
            case.name,
            number(_median(load.per_second for load in loads)),
            number(_median(load.p50 for load in loads)),
            number(_median(load.p99 for load in loads)),
            f"{of_limit:.2f}",
            number(cpu),
            number(limit),
            f"{limit / cpu:.2f}",
        )
    bare = {name: _calm(each.raw[name] for each in measured) for name in measured[0].raw}
    shown = ", ".join(f"{name} {value:.1f}" for name, value in bare.items())
    table.note = (
        f"Medians of {len(measured)} rounds; calm: the lowest tenth, since other work on the "
        f"machine only adds. Bare operation, calm CPU µs: {shown}."
    )
    return table


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _calm(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 10]
