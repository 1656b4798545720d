"""`tokenbooth serve`: run the token service."""

import asyncio
import functools
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import click

from tokenbooth.cli.demo import lines_to_paste, prepare_demo
from tokenbooth.cli.demo_api import PREFIX, demo_apis, hand_to_workers
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.serve_settings import GivenSettings
from tokenbooth.cli.serve_settings import hand_to_workers as hand_settings_to_workers
from tokenbooth.cli.uvicorn_counts import server_counts
from tokenbooth.cli.uvicorn_crowd import overload, raise_descriptor_limit, several_doors
from tokenbooth.cli.uvicorn_drain import (
    FINISH_SECONDS,
    DrainConfig,
    DrainingServer,
)
from tokenbooth.cli.uvicorn_reload import ReloadingSupervisor
from tokenbooth.cli.uvicorn_repeats import RepeatingProtocol
from tokenbooth.cli.uvicorn_tls import CertificateProtocol, listener, make_context
from tokenbooth.console.mount import console_mounts
from tokenbooth.management.errors import Conflict
from tokenbooth.management.people.invitations import first_operator_link
from tokenbooth.management.rest.mount import management_mounts
from tokenbooth.management.rest.rights import ensure_management_api
from tokenbooth.protocol.dialects import DialectRefused
from tokenbooth.server.app import Mounts, TokenService, create_app
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.logs import get_logger
from tokenbooth.server.metrics.counting import Metrics
from tokenbooth.server.metrics.numbers import Numbers
from tokenbooth.server.settings import Settings, SettingsRefused, issuer_url_mistakes
from tokenbooth.server.stores.contract import StoreError
from tokenbooth.server.vault import VaultError

WORKER_PATIENCE_SECONDS = 30  # with a worker that does not answer, or a new one that is not ready
BACKLOG = 2048
_COUNTS = "TOKENBOOTH_WORKERS_COUNT_IN"  # the folder in which all workers count together


@click.command()
@click.option(
    "--settings-file",
    metavar="FILE",
    help="TOML file of settings; what is set elsewhere goes first.",
)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 picks a free one.  [default: 8080]")
@click.option("--workers", type=int, help="Number of worker processes.  [default: 1]")
@click.option("--database", help="Database URL.  [default: sqlite:///tokenbooth.db]")
@click.option(
    "--redis",
    metavar="URL",
    help="Valkey or Redis, for limits that all processes and nodes keep together.",
)
@click.option("--issuer-url", help="Public URL of the default issuer, as clients see it.")
@click.option(
    "--demo", is_flag=True, default=None, help="Add an issuer, client and API per dialect."
)
@click.option("--dialects", help="Folder of further dialect files (*.toml).")
@click.option("--tls-cert", help="Certificate chain, PEM.")
@click.option("--tls-key", help="Private key of the certificate, PEM.")
@click.option(
    "--tls-client-ca",
    metavar="FILE",
    help="Ask clients for TLS certificates; those of these authorities (PEM) count by name.",
)
@click.option(
    "--tls-self-signed-clients",
    is_flag=True,
    default=None,
    help="Ask clients for TLS certificates; those registered for a client are let in.",
)
@click.option("--mtls-url", help="Where clients with certificates connect, if elsewhere.")
@click.option(
    "--trusted-proxy",
    metavar="CIDR",
    help="Networks whose X-Forwarded-For and client certificate header are believed.",
)
@click.option(
    "--client-certificate-header",
    metavar="NAME[:FORMAT]",
    help="Where trusted proxies forward the client's certificate: byte-sequence, escaped-pem or "
    "base64-der; empty for proxies that pass on what callers write there.  "
    "[default: client-cert:byte-sequence]",
)
@click.option("--log-format", type=click.Choice(["console", "json"]))
@click.option("--json", "as_json", is_flag=True, help="Say where the service listens as JSON.")
def serve(*, as_json: bool, **options: object) -> None:
    """Run the token service until it is told to stop (SIGTERM or Ctrl-C).

    Every option can also be given as TOKENBOOTH_<NAME>, or in the settings file, which is read
    anew on SIGHUP.
    """
    given = GivenSettings(environment=dict(os.environ), options=options)
    try:
        settings = given.read()
    except SettingsRefused as refused:
        raise click.UsageError(str(refused)) from refused
    listening = _listen(settings)
    base_url = settings.issuer_url or _own_url(settings, listening)
    if mistakes := issuer_url_mistakes(base_url):
        listening.close()
        raise click.UsageError(
            f"The issuer would be {base_url}: {'; '.join(mistakes)}. Give its public address with "
            "--issuer-url, or a certificate with --tls-cert and --tls-key."
        )
    if not sys.stderr.isatty():  # else whoever closes the terminal ends what runs there
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is somebody to act on it
    try:
        lines = asyncio.run(_prepare(settings, base_url))
    except (StoreError, VaultError, SettingsRefused, DialectRefused, OSError) as error:
        raise Failure(Outcome.FAILED, str(error)) from error
    _announce(base_url, lines, as_json=as_json)
    _warn_of_proxies(settings)
    _run(settings, base_url, listening, given)


def make_app() -> TokenService:
    """Return the application of one worker process, from the environment its parent left."""
    settings = Settings.load(os.environ)
    _end_with_parent()
    if not settings.tls_cert:  # with a certificate, the application reads it anew
        _take_hangups()

    async def make_mounts(booth: Booth) -> Mounts:
        demo = {PREFIX: demo_apis(app)} if settings.demo else {}
        return {**management_mounts(booth, app), **console_mounts(booth, app), **demo}

    metrics = _metrics()
    server_counts.tell(metrics)
    overload().on_refusal = functools.partial(metrics.elsewhere, "overloaded", 503)
    app = create_app(
        settings,
        base_url=str(settings.issuer_url),
        make_mounts=make_mounts,
        tls=listener() if settings.tls_cert else None,
        metrics=metrics,
    )
    return app


def _metrics() -> Metrics:
    folder = os.environ.get(_COUNTS)
    return Metrics(Numbers.within(Path(folder)) if folder else None)


def _end_with_parent() -> None:
    """Stop this worker when the process that started it dies: nobody else would stop it."""
    parent = multiprocessing.parent_process()
    if parent is None:  # one worker: it is the service itself
        return

    def follow() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="end-with-parent", daemon=True).start()


def _take_hangups() -> None:
    """Go on when SIGHUP comes: the parent acts on it, or nobody can."""
    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return
    if sys.stderr.isatty():
        return

    def tell() -> None:
        get_logger().warning(
            "settings_not_reloaded",
            reason="There is nothing to read anew: give settings in a file (--settings-file).",
        )

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, tell)


def _listen(settings: Settings) -> socket.socket:
    """Take the port first, so that whatever is printed afterwards is true."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except (OSError, UnicodeError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or "it is no host name"
        raise Failure(
            Outcome.FAILED,
            f"Choose another --host or --port: cannot listen on {settings.host} port "
            f"{settings.port}: {why}.",
        ) from error
    listening.listen(BACKLOG)
    listening.set_inheritable(True)
    return listening


def _own_url(settings: Settings, listening: socket.socket) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{host}:{listening.getsockname()[1]}"


async def _prepare(settings: Settings, base_url: str) -> list[str]:
    """Make and migrate the database before any worker needs it; return the demo's lines."""
    booth = await open_booth(settings)
    try:
        try:
            await ensure_management_api(booth, base_url)
        except Conflict as error:
            click.echo(f"Warning: {error}", err=True)
        await _invite_first_operator(booth, base_url)
        if not settings.demo:
            return []
        issuers = await prepare_demo(booth, base_url)
    finally:
        await booth.close()
    hand_to_workers(issuers)
    return [lines_to_paste(issuer, base_url) for issuer in issuers]


async def _invite_first_operator(booth: Booth, base_url: str) -> None:
    """Say by which link somebody becomes the first operator, while there is none."""
    reached = replace(booth, settings=replace(booth.settings, issuer_url=base_url))
    link = await first_operator_link(reached)
    if link is not None:
        click.echo(
            "The console has no operator yet. To become the first, open this link within a day:\n"
            f"{link.link.reveal()}\n",
            err=True,
        )


def _announce(base_url: str, lines: list[str], *, as_json: bool) -> None:
    if as_json:
        click.echo(f'{{"issuer": "{base_url}", "token_endpoint": "{base_url}/oauth2/token"}}')
        return
    click.echo(f"Tokenbooth serves the issuer {base_url}", err=True)
    if lines:
        click.echo("Paste these lines into another shell:\n", err=True)
        click.echo("\n\n".join(lines))
        click.echo("", err=True)


def _warn_of_proxies(settings: Settings) -> None:
    if settings.trusted_proxy and settings.client_certificate_header:
        header = settings.client_certificate_header.partition(":")[0]
        click.echo(
            f"Trusted proxies must set or remove the header {header} on every request; "
            "if yours do not, set TOKENBOOTH_CLIENT_CERTIFICATE_HEADER= (empty).",
            err=True,
        )


def _run(settings: Settings, base_url: str, listening: socket.socket, given: GivenSettings) -> None:
    def prepare(wanted: Settings) -> DrainConfig:
        hand_settings_to_workers(wanted, base_url)
        return _uvicorn_config(wanted)

    raise_descriptor_limit()
    if settings.workers > 1 or settings.settings_file:
        with tempfile.TemporaryDirectory(prefix="tokenbooth-") as counts:
            os.environ[_COUNTS] = counts
            ReloadingSupervisor(
                settings, several_doors(listening), given=given, prepare=prepare
            ).run()
        return
    os.environ.pop(_COUNTS, None)
    doors = several_doors(listening)
    server = DrainingServer(prepare(settings), doors, settings.drain_seconds)
    server.run(sockets=doors)
    if not server.started:
        sys.exit(Outcome.FAILED.exit_code)


def _uvicorn_config(settings: Settings) -> DrainConfig:
    return DrainConfig(
        "tokenbooth.cli.serve:make_app",
        factory=True,
        workers=settings.workers,
        http=CertificateProtocol if settings.asks_for_certificates else RepeatingProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        proxy_headers=False,  # the trusted-proxy setting decides, nothing else
        server_header=False,
        timeout_graceful_shutdown=FINISH_SECONDS,
        # On a busy machine a worker is slow to start: killing it then would never end.
        timeout_worker_healthcheck=WORKER_PATIENCE_SECONDS,
        ssl_context_factory=make_context if settings.tls_cert else None,
    )
