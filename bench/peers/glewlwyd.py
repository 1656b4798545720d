"""Debian's glewlwyd, with a SQLite file, configured through its own administration API."""

import contextlib
import gzip
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pysqlite3 import dbapi2 as sqlite3

from bench.peers.peer import CLIENT_ID, CLIENT_SECRET, Offer, Peer, basic, offer
from bench.processes import Server, free_port, running

_TABLES = Path("/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz")
_MODULES = "/usr/lib/glewlwyd"
# Its scopes hold no colon.
_SCOPE = "persons"
_HASHING = (
    "UPDATE g_client_module_instance "
    "SET gcmi_parameters = json_set(gcmi_parameters, '$.\"pbkdf2-iterations\"', ?)"
)
_CONFIGURATION = """\
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}/"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="ERROR"
log_file="{folder}/glewlwyd.log"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{modules}/user"
client_module_path="{modules}/client"
user_auth_scheme_module_path="{modules}/scheme"
plugin_module_path="{modules}/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{folder}/glewlwyd.db"; }};
"""


@contextlib.contextmanager
def _start(folder: Path, *, name: str, iterations: int | None) -> Iterator[list[Offer]]:
    program = shutil.which("glewlwyd")
    if program is None or not _TABLES.exists():
        raise RuntimeError("glewlwyd is not installed")
    with contextlib.closing(sqlite3.connect(folder / "glewlwyd.db")) as connection:
        connection.executescript(gzip.decompress(_TABLES.read_bytes()).decode())
        if iterations is not None:
            connection.execute(_HASHING, (iterations,))
            connection.commit()
        connection.execute("PRAGMA journal_mode=WAL")  # which stays with the file
    port, file = free_port(), folder / "glewlwyd.conf"
    file.write_text(_CONFIGURATION.format(port=port, folder=folder, modules=_MODULES), "utf-8")
    command = [program, "--config-file", str(file)]
    with running(command, port=port, path="", log=folder / "glewlwyd.out") as server:
        _configure(server)
        form = f"grant_type=client_credentials&scope={_SCOPE}"
        yield [offer(name, server, "/api/oidc/token", form, basic())]


def _configure(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}"
    with httpx2.Client(base_url=f"{url}/api/", trust_env=False) as admin:
        for path, body in (
            ("auth/", {"username": "admin", "password": "password"}),  # of a new database
            ("scope/", {"name": _SCOPE, "display_name": _SCOPE, "password_required": True}),
            ("mod/plugin/", _plugin(url)),
            ("client/?source=database", _client()),
        ):
            admin.post(path, json=body).raise_for_status()


def _plugin(url: str) -> dict[str, object]:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parameters = {
        "iss": f"{url}/",
        "jwt-type": "ecdsa",
        "jwt-key-size": "256",
        "key": private.decode(),
        "cert": public.decode(),
        "access-token-duration": 3600,
        "refresh-token-duration": 1209600,
        "code-duration": 600,
        "refresh-token-rolling": False,
        "allow-non-oidc": True,
        "subject-type": "public",
        "jwks-show": True,
        "scope": [],
        "additional-parameters": [],
        "auth-type-id-token-enabled": True,
        "auth-type-client-enabled": True,
        **{
            f"auth-type-{name}-enabled": False
            for name in ("code", "token", "none", "password", "device", "refresh")
        },
    }
    return {
        "module": "oidc",
        "name": "oidc",
        "display_name": "oidc",
        "order_rank": 0,
        "parameters": parameters,
    }


def _client() -> dict[str, object]:
    return {
        "client_id": CLIENT_ID,
        "name": "bench",
        "enabled": True,
        "confidential": True,
        "password": CLIENT_SECRET,
        "scope": [_SCOPE],
        "authorization_type": ["client_credentials"],
        "token_endpoint_auth_method": ["client_secret_basic"],
        "redirect_uri": [],
    }


PEERS = (
    Peer(
        name="glewlwyd, ES256",
        package="debian:glewlwyd",
        setup="OIDC plugin, SQLite (WAL), secrets hashed as by default (PBKDF2), log of errors",
        start=partial(_start, name="glewlwyd, ES256", iterations=None),
        slow=True,
    ),
    Peer(
        name="glewlwyd, ES256, weak hashes",
        package="debian:glewlwyd",
        setup="the same with one iteration of PBKDF2: faster, and stolen hashes are soon guessed",
        start=partial(_start, name="glewlwyd, ES256, weak hashes", iterations=1),
    ),
)
