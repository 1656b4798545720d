"""Read the clients of Ory Hydra: what its API and CLI list, or a dump of its database.

Only the database has the secrets, as hashes; these are carried over as they are.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tokenbooth.management.clients.proofs import SECRET_METHODS
from tokenbooth.management.errors import BadInput
from tokenbooth.management.imports import loose
from tokenbooth.management.imports.found import (
    Found,
    FoundAccess,
    FoundApi,
    FoundClient,
    FoundKey,
    FoundSecret,
    Skipped,
)
from tokenbooth.management.imports.loose import Json
from tokenbooth.management.imports.sql_dump import rows_of
from tokenbooth.protocol.assertion import PRIVATE_KEY_JWT
from tokenbooth.protocol.client_auth import BASIC
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS, JWT_BEARER, REFRESH_TOKEN
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.records import TokenFormat

SYSTEM = "hydra"

_TABLE = "hydra_client"
# What is asked for by people's clients, and means nothing to an API.
_OWN_SCOPES = frozenset(("openid", "offline", "offline_access", "profile", "email"))
_GRANTS = (CLIENT_CREDENTIALS, REFRESH_TOKEN, JWT_BEARER)
_NOT_CARRIED = (
    "owner",
    "client_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "metadata",
    "allowed_cors_origins",
)
_LISTS = ("grant_types", "audience", "contacts")
_SPAN = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})(?:\.[0-9]+)?s)?", re.ASCII)
_NANOSECONDS = 10**9
_FORMATS: Mapping[str, TokenFormat] = {"jwt": "jwt", "opaque": "opaque"}


def read(data: bytes, *, audience: str | None = None) -> Found:
    """Return the clients of an export; raises BadInput for what is none.

    `audience` is for clients whose tokens have none.
    """
    documents = _documents(data)
    usual = audience or f"urn:{SYSTEM}"
    apis: dict[str, FoundApi] = {}
    clients, skipped = [], []
    for document in documents:
        client_id = loose.text(document, "client_id") or loose.text(document, "id")
        if not client_id:
            continue
        why = _why_not(document)
        if why:
            skipped.append(Skipped(client_id=client_id, why=why))
            continue
        client = _client(client_id, document, usual)
        clients.append(client)
        for access in client.access:
            known = apis.get(access.audience) or FoundApi(
                audience=access.audience,
                name=SYSTEM if access.audience == usual else access.audience,
            )
            scopes = {**known.scopes, **dict.fromkeys(access.scopes, "")}
            apis[access.audience] = replace(known, scopes=scopes)
    return Found(
        system=SYSTEM, apis=tuple(apis.values()), clients=tuple(clients), skipped=tuple(skipped)
    )


def _documents(data: bytes) -> list[Json]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("This is no export of Hydra: it is not UTF-8 text.") from error
    if _TABLE in text and not text.lstrip().startswith(("{", "[")):
        return [_of_row(row) for row in rows_of(text, _TABLE)]
    documents = _of_json(text)
    listed: list[Json] = []
    for document in documents:
        # `hydra list oauth2-clients --format json` puts its list below "items".
        inner = document.get("items") if isinstance(document, dict) else document
        listed += loose.objects(inner if isinstance(inner, list) else [document])
    if not any("client_id" in each or "grant_types" in each for each in listed):
        raise BadInput("This is no export of Hydra: it lists no clients.")
    return listed


def _of_json(text: str) -> list[Any]:
    """Return the document, or those of each line."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise BadInput(
            "This is no export of Hydra: it is neither JSON nor a dump of its database."
        ) from error


def _of_row(row: dict[str, str | None]) -> Json:
    """Return a row of the database as the API would show it, but with its hashes."""
    document: Json = {name: value for name, value in row.items() if value is not None}
    for name in (*_LISTS, "allowed_cors_origins", "jwks", "metadata", "rotated_secrets"):
        said = row.get(name)
        if said is None:
            continue
        try:
            document[name] = json.loads(said)
        except (ValueError, RecursionError):
            # Before 2.0, lists were written with bars between.
            document[name] = said.split("|") if name in _LISTS else None
    return document


def _why_not(document: Json) -> str:
    if loose.text(document, "token_endpoint_auth_method") == "none":
        return "It is public: it has nothing to prove itself with."
    grants = loose.texts(document, "grant_types")
    if CLIENT_CREDENTIALS not in grants:
        others = loose.one_line(", ".join(grants)) or "authorization_code"
        return f"It fetches no tokens for itself: it uses {others}."
    return ""


def _client(client_id: str, document: Json, usual: str) -> FoundClient:
    scopes = [
        scope
        for scope in loose.text(document, "scope").replace("|", " ").split()
        if scope not in _OWN_SCOPES
    ]
    audiences = loose.texts(document, "audience")
    targets = [loose.audience_uri(each, SYSTEM) for each in audiences] or [usual]
    grants = loose.texts(document, "grant_types")
    client = FoundClient(
        client_id=client_id,
        name=loose.one_line(loose.text(document, "client_name")),
        access=tuple(
            FoundAccess(audience=each, scopes=loose.unique(scopes))
            for each in loose.unique(targets)
        ),
        grant_types=tuple(grant for grant in _GRANTS if grant in grants),
        token_format=_FORMATS.get(loose.text(document, "access_token_strategy")),
        token_lifetime=_span(document),
        lost=_lost(document, audiences),
    )
    return _with_credentials(client, document)


def _span(document: Json) -> int | None:
    name = "client_credentials_grant_access_token_lifespan"
    nanoseconds = loose.number(document, name)
    if nanoseconds is not None:  # as the database has it
        return max(1, nanoseconds // _NANOSECONDS) if nanoseconds > 0 else None
    said = loose.text(document, name)
    found = _SPAN.fullmatch(said) if said else None
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds or None


def _with_credentials(client: FoundClient, document: Json) -> FoundClient:
    method = loose.text(document, "token_endpoint_auth_method") or BASIC
    if method == PRIVATE_KEY_JWT:
        return _with_keys(replace(client, auth_methods=(method,)), document)
    if method not in SECRET_METHODS:
        return replace(
            client,
            auth_methods=SECRET_METHODS,
            needs=f"It proved itself by {loose.one_line(method)}, which cannot be carried over.",
        )
    client = replace(client, auth_methods=(method,))
    secret = loose.text(document, "client_secret")
    if not secret or loose.is_masked(secret):
        return replace(
            client,
            needs="The list of clients holds no secrets. Import a dump of the table "
            f"{_TABLE} instead, or make a new one.",
        )
    older = [each for each in loose.texts(document, "rotated_secrets") if _is_hash(each)]
    secrets = [_secret(secret), *(FoundSecret(hash=each, label="rotated") for each in older)]
    return replace(client, secrets=tuple(secrets))


def _is_hash(secret: str) -> bool:
    return secret.startswith(("$2a$", "$2b$", "$2y$", "$pbkdf2-"))


def _secret(secret: str) -> FoundSecret:
    return FoundSecret(hash=secret) if _is_hash(secret) else FoundSecret(clear=Secret(secret))


def _with_keys(client: FoundClient, document: Json) -> FoundClient:
    if url := loose.text(document, "jwks_uri"):
        return replace(client, keys=(FoundKey(jwks_uri=url),))
    keys = loose.table(document, "jwks")
    if loose.tables(keys, "keys"):
        alg = loose.text(document, "token_endpoint_auth_signing_alg") or None
        return replace(client, keys=(FoundKey(text=json.dumps(keys), alg=alg),))
    return replace(client, needs="The export holds no public key of it: ask its owner for one.")


def _lost(document: Json, audiences: list[str]) -> tuple[str, ...]:
    lost = [
        f"the grant {loose.one_line(grant)}"
        for grant in loose.texts(document, "grant_types")
        if grant not in _GRANTS
    ]
    lost += [
        f"the audience {loose.one_line(audience)}: its API has to expect {uri}"
        for audience in audiences
        if (uri := loose.audience_uri(audience, SYSTEM)) != audience
    ]
    lost += [name for name in _NOT_CARRIED if document.get(name)]
    return loose.unique(lost)
