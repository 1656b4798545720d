"""The service's endpoints beside the limit: one HTTP exchange plus one bare signature."""

import base64
import contextlib
import itertools
import json
import ssl
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import trustme

from bench.booths import (
    CLIENT_ID,
    KEY_CLIENT_ID,
    TLS_CLIENT_HOST,
    TLS_CLIENT_ID,
    Prepared,
    greeting,
    issuer_path,
    prepare,
    prepare_on,
    serving,
)
from bench.load import NextRequest, Target, ask, ask_all, chained, get, post, same, to
from bench.postgres import postgres
from bench.processes import Server
from bench.progress import Progress
from bench.rounds import BY_CPU, FAILED, HELLO, LOADED, Case, Pace, measure, reporting, told
from bench.table import Table
from tokenbooth.protocol.assertion import make_client_assertion

TOKEN = "/oauth2/token"
_GRANT = "grant_type=client_credentials"
_ASSERTION = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
_REVOCATIONS_A_SECOND = 3000  # so many tokens are made for each second of revoking
_numbers = itertools.count()


def run(folder: Path, pace: Pace, progress: Progress) -> Table:
    """Measure every endpoint in interleaved rounds."""
    failed: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        progress.say("starting the services")
        cases = list(_cases(folder, pace.seconds, stack, failed))
        measured = measure(cases, pace, progress)
    table = Table(
        title=f"Endpoints: one worker, SQLite, {pace.connections} connections, log to a file",
        columns=("what", *LOADED, *BY_CPU),
        note=measured.note() + told(failed),
    )
    for case in cases:
        table.add(case.name, *measured.row(case))
    for name in failed:
        table.add(name, FAILED)
    return table


def _cases(
    folder: Path, seconds: float, stack: contextlib.ExitStack, failed: dict[str, str]
) -> Iterator[Case]:
    log = folder / "endpoints.log"
    prepared = prepare(folder / "endpoints.db")
    start = partial(serving, prepared, log)
    hello = stack.enter_context(greeting(log))
    server = stack.enter_context(start())
    token = partial(_token, prepared)
    yield Case(name=HELLO, target=to(hello, token("ES256", hello)))
    for kind in ("ES256", "EdDSA", "RS256", "PS256", "opaque"):
        yield Case(name=f"token, {kind}", target=to(server, token(kind, server)), signature=kind)
    yield from _authenticated(prepared, server)
    for name, settings in _LOGS.items():
        other = stack.enter_context(start(settings=settings))
        target = to(other, token("ES256", other))
        yield Case(name=f"token, ES256, {name}", target=target, signature="ES256")
    yield from _about_tokens(prepared, server, seconds)
    for name, path in _DOCUMENTS.items():
        yield Case(name=name, target=to(server, get(path, port=server.port)))
    with reporting(failed, "over TLS"):
        yield from _over_tls(folder, prepared, stack)
    with reporting(failed, "on PostgreSQL"):
        yield from _on_postgres(folder, seconds, stack)


_LOGS = {"log as JSON": {"log_format": "json"}, "log of warnings only": {"log_level": "warning"}}
_DOCUMENTS = {"JWKS": "/.well-known/jwks.json", "metadata": "/.well-known/openid-configuration"}


def _authenticated(prepared: Prepared, server: Server) -> Iterator[Case]:
    """A request that repeats no other, and the other ways in which a client proves itself."""

    def unseen(_connection: int) -> NextRequest:
        number = "X-Request-Number: {:09}".format
        form = prepared.form("ES256")
        return lambda _body: post(TOKEN, form, number(next(_numbers)), port=server.port)

    target = Target(port=server.port, pids=(server.pid,), stream=unseen)
    yield Case(name="token, ES256, each request new", target=target, signature="ES256")
    credentials = f"{CLIENT_ID}:{prepared.secrets['ES256']}".encode()
    basic = "Authorization: Basic " + base64.b64encode(credentials).decode()
    form = f"{_GRANT}&scope=persons%3Aread"
    request = post(TOKEN, form, basic, port=server.port)
    yield Case(
        name="token, ES256, HTTP Basic, scope asked", target=to(server, request), signature="ES256"
    )

    def proving(_connection: int) -> NextRequest:
        return lambda _body: post(TOKEN, f"{_GRANT}&{_proof(prepared, server)}", port=server.port)

    target = Target(port=server.port, pids=(server.pid,), stream=proving)
    yield Case(name="token, ES256, private_key_jwt (writes)", target=target, signature="ES256")


def _proof(prepared: Prepared, server: Server) -> str:
    assertion = make_client_assertion(
        prepared.key,
        client_id=KEY_CLIENT_ID,
        audience=f"http://127.0.0.1:{server.port}",
        jti=f"bench-{next(_numbers)}",
        now=time.time(),
    )
    return f"client_assertion_type={_ASSERTION}&client_assertion={assertion.reveal()}"


def _about_tokens(
    prepared: Prepared, server: Server, seconds: float, where: str = ""
) -> Iterator[Case]:
    """What is done with tokens once they are there."""
    yield Case(
        name=f"refresh, rotated (writes){where}",
        target=Target(
            port=server.port, pids=(server.pid,), stream=_refreshing(prepared, server.port)
        ),
        signature="ES256",
    )
    for kind in ("ES256", "opaque"):
        found = _access_token(prepared, kind, server)
        form = f"{_client(prepared, kind)}&token={found}"
        request = post(f"{issuer_path(kind)}/oauth2/introspect", form, port=server.port)
        yield Case(name=f"introspection, {kind}{where}", target=to(server, request))
    yield Case(name=f"revocation (writes){where}", target=_revoking(prepared, server, seconds))


def _revoking(prepared: Prepared, server: Server, seconds: float) -> Target:
    """Each request revokes a token that was made before the stretch began."""
    tokens: list[str] = []

    def make() -> None:
        requests = [_token(prepared, "opaque", server)] * int(_REVOCATIONS_A_SECOND * seconds)
        tokens[:] = [json.loads(body)["access_token"] for body in ask_all(server.port, requests)]

    def stream(_connection: int) -> NextRequest:
        client = _client(prepared, "opaque")

        def revoke(_body: bytes) -> bytes:
            # One that was revoked comes again only when the server is faster than planned.
            token = tokens.pop(0)
            tokens.append(token)
            form = f"{client}&token={token}"
            return post("/opaque/oauth2/revoke", form, port=server.port)

        return revoke

    return Target(port=server.port, pids=(server.pid,), stream=stream, before=make)


def _refreshing(prepared: Prepared, port: int) -> Callable[[int], NextRequest]:
    client = _client(prepared, "refresh")

    def make(answer: dict[str, object] | None) -> bytes:
        grant = (
            f"grant_type=refresh_token&refresh_token={answer['refresh_token']}"
            if answer is not None
            else _GRANT
        )
        return post(f"{issuer_path('refresh')}{TOKEN}", f"{grant}&{client}", port=port)

    return chained(make)


def _over_tls(folder: Path, prepared: Prepared, stack: contextlib.ExitStack) -> Iterator[Case]:
    authority, log = trustme.CA(), folder / "endpoints.log"
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "certificate", "key", "client")}
    authority.cert_pem.write_to_path(files["ca"])
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(files["key"])
    own.cert_chain_pems[0].write_to_path(files["certificate"])
    authority.issue_cert(TLS_CLIENT_HOST).private_key_and_cert_chain_pem.write_to_path(
        files["client"]
    )
    plain, with_certificate = (ssl.create_default_context(cafile=files["ca"]) for _ in range(2))
    with_certificate.load_cert_chain(files["client"])
    options = ("--tls-cert", files["certificate"], "--tls-key", files["key"])
    hello = stack.enter_context(greeting(log, tls=(files["certificate"], files["key"])))
    server = stack.enter_context(serving(prepared, log, *options, "--tls-client-ca", files["ca"]))
    form = f"{_GRANT}&client_id={TLS_CLIENT_ID}"
    shown = post(TOKEN, form, port=server.port)
    for name, at, request, tls, signature in (
        ("hello over TLS", hello, _token(prepared, "ES256", hello), plain, None),
        ("token over TLS, ES256", server, _token(prepared, "ES256", server), plain, "ES256"),
        ("token over TLS, tls_client_auth", server, shown, with_certificate, "ES256"),
    ):
        target = Target(port=at.port, pids=(at.pid,), stream=same(request), tls=tls)
        yield Case(name=name, target=target, signature=signature)


def _on_postgres(folder: Path, seconds: float, stack: contextlib.ExitStack) -> Iterator[Case]:
    where, log = ", on PostgreSQL", folder / "postgres.log"
    database = stack.enter_context(postgres(log))
    prepared = prepare_on(database.database("booth"), folder / "postgres.key")
    server = stack.enter_context(serving(prepared, log))
    # What the database's server does for a request counts as well.
    with_database = [
        Case(
            name=f"token, ES256{where}",
            target=to(server, _token(prepared, "ES256", server)),
            signature="ES256",
        ),
        *_about_tokens(prepared, server, seconds, where),
    ]
    for case in with_database:
        yield case.also(database.server)


def _token(prepared: Prepared, kind: str, server: Server) -> bytes:
    return post(issuer_path(kind) + TOKEN, prepared.form(kind), port=server.port)


def _access_token(prepared: Prepared, kind: str, server: Server) -> str:
    return str(json.loads(ask(server.port, _token(prepared, kind, server)))["access_token"])


def _client(prepared: Prepared, kind: str) -> str:
    return f"client_id={CLIENT_ID}&client_secret={prepared.secrets[kind]}"
