"""Our service with known clients, on a database of its own."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cores import SERVER
from bench.processes import Server, free_port, running
from tokenbooth.management.clients.certificates import subject_proof
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.management.service.apis import create_api
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.protocol.keys import SigningKey, generate_key
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.records import DEFAULT_ISSUER
from tokenbooth.server.settings import Settings

AUDIENCE = "https://api.example.com"
CLIENT_ID = "bench-client"
KEY_CLIENT_ID = "bench-key-client"
TLS_CLIENT_ID = "bench-tls-client"
TLS_CLIENT_HOST = "client.example.com"
SCOPES = "persons:read persons:write"
ISSUERS = ("ES256", "EdDSA", "RS256", "PS256", "opaque", "refresh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A database that holds an issuer and a client for each kind of token."""

    url: str
    master_key: Path
    secrets: dict[str, str]  # of `CLIENT_ID`, by kind
    key: SigningKey  # of `KEY_CLIENT_ID`, at the issuer for ES256

    def form(self, kind: str) -> str:
        """Return the usual token request for that kind."""
        client = f"client_id={CLIENT_ID}&client_secret={self.secrets[kind]}"
        return f"grant_type=client_credentials&{client}"


def issuer_path(kind: str) -> str:
    """Return where the issuer for that kind of token lies."""
    return "" if kind == "ES256" else f"/{kind.lower()}"


def prepare(database: Path) -> Prepared:
    """Fill a new SQLite file."""
    return prepare_on(f"sqlite:///{database}", database.with_name(f"{database.name}.key"))


def prepare_on(url: str, master_key: Path) -> Prepared:
    """Fill a new database."""
    return asyncio.run(_prepare(url, master_key))


async def _prepare(url: str, master_key: Path) -> Prepared:
    settings = Settings.load({}, database=url, master_key_file=str(master_key))
    key = generate_key("ES256")
    booth = await open_booth(settings)
    try:
        secrets = {kind: await _register(booth, kind) for kind in ISSUERS}
        proofs = {
            KEY_CLIENT_ID: read_keys(json.dumps(key.public.to_jwk())).proofs,
            TLS_CLIENT_ID: (subject_proof("san_dns", TLS_CLIENT_HOST),),
        }
        for client_id, proof in proofs.items():
            await create_client(booth, apis=["persons"], client_id=client_id, proofs=proof)
    finally:
        await booth.close()
    return Prepared(url=url, master_key=master_key, secrets=secrets, key=key)


async def _register(booth: Booth, kind: str) -> str:
    issuer = DEFAULT_ISSUER if kind == "ES256" else kind.lower()
    if issuer != DEFAULT_ISSUER:
        await create_issuer(
            booth,
            name=issuer,
            token_format="opaque" if kind == "opaque" else "jwt",
            refresh_tokens=kind == "refresh",
            alg="ES256" if kind in ("opaque", "refresh") else kind,
        )
    await create_api(booth, name="persons", audience=AUDIENCE, scopes=SCOPES, issuer=issuer)
    new = await create_client(booth, apis=["persons"], client_id=CLIENT_ID, issuer=issuer)
    assert new.secret is not None  # a client that proves itself with a key has none
    return new.secret.client_secret.reveal()


@contextlib.contextmanager
def serving(
    prepared: Prepared,
    log: Path,
    *options: str,
    cores: set[int] = SERVER,
    settings: dict[str, str] | None = None,
) -> Iterator[Server]:
    """Run `tokenbooth serve`, with one worker unless told otherwise, its log going to a file."""
    port = free_port()
    environment = {f"TOKENBOOTH_{name.upper()}": value for name, value in (settings or {}).items()}
    environment["TOKENBOOTH_MASTER_KEY_FILE"] = str(prepared.master_key)
    environment["TOKENBOOTH_DATABASE"] = prepared.url
    program = str(Path(sys.executable).with_name("tokenbooth"))
    command = [program, "serve", "--port", str(port), *options]
    tls = "--tls-cert" in options
    with running(
        command, port=port, path="/healthz", log=log, environment=environment, cores=cores, tls=tls
    ) as server:
        yield server


@contextlib.contextmanager
def greeting(log: Path, *, tls: tuple[str, str] | None = None) -> Iterator[Server]:
    """Run the hello server, with the certificate and key that are given."""
    port = free_port()
    command = [sys.executable, "-m", "bench.hello", str(port), *(tls or ())]
    with running(command, port=port, log=log, tls=tls is not None) as server:
        yield server
