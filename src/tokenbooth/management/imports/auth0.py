"""Read what Auth0 exports: a folder or a file of its Deploy CLI, or lists of its Management API.

What a client may call stands in the client grants, without which it may call nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

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
from tokenbooth.protocol.assertion import PRIVATE_KEY_JWT
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS
from tokenbooth.protocol.secret import Secret

SYSTEM = "auth0"

_MARKS = ("##", "@@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """The parts of a tenant that are about machines."""

    clients: list[Json] = field(default_factory=list)
    apis: list[Json] = field(default_factory=list)
    grants: list[Json] = field(default_factory=list)


def tenant_of(document: object) -> Tenant:
    """Return the parts of one document; raises BadInput if there are none."""
    tenant = Tenant(
        clients=loose.tables(document, "clients"),
        apis=loose.tables(document, "resourceServers")
        or loose.tables(document, "resource_servers"),
        grants=loose.tables(document, "clientGrants") or loose.tables(document, "client_grants"),
    )
    if not tenant.clients:
        raise BadInput("This is no export of Auth0: it lists no clients.")
    return tenant


def read(tenant: Tenant) -> Found:
    """Return the clients of a tenant, with what they may call."""
    return _Tenant(tenant).read()


def with_keywords(text: str, keywords: Mapping[str, object]) -> str:
    """Fill the markers of the Deploy CLI: ##NAME## is a text, @@NAME@@ is JSON."""
    import json

    for name, value in keywords.items():
        if isinstance(value, str):
            text = text.replace(f"##{name}##", value)
        text = text.replace(f"@@{name}@@", json.dumps(value))
    return text


class _Tenant:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._system_apis = {
            loose.text(api, "identifier") for api in tenant.apis if loose.flag(api, "is_system")
        }
        self._apis = {
            loose.text(api, "identifier"): api
            for api in tenant.apis
            if loose.text(api, "identifier") and not loose.flag(api, "is_system")
        }

    def read(self) -> Found:
        clients, skipped = [], []
        for document in self._tenant.clients:
            name = loose.one_line(loose.text(document, "name"))
            client_id = loose.text(document, "client_id")
            why = _why_not(document)
            if why:
                skipped.append(Skipped(client_id=client_id or name, why=why))
            else:
                clients.append(self._client(client_id, name, document))
        return Found(
            system=SYSTEM,
            apis=tuple(
                _api(identifier, api)
                for identifier, api in self._apis.items()
                if not _has_mark(identifier)
            ),
            clients=tuple(clients),
            skipped=tuple(skipped),
        )

    def _client(self, client_id: str, name: str, document: Json) -> FoundClient:
        # The Deploy CLI writes a client's name where the API has its id.
        grants = [
            grant
            for grant in self._tenant.grants
            if loose.text(grant, "client_id") in {client_id, loose.text(document, "name")}
            and loose.text(grant, "subject_type") in ("", "client")
        ]
        lost = list(_lost(document))
        access = []
        for grant in grants:
            found = self._access(grant)
            if isinstance(found, str):
                lost.append(found)
            else:
                access.append(found)
        lifetimes = {
            lifetime
            for each in access
            if (lifetime := loose.number(self._apis[each.audience], "token_lifetime"))
        }
        if len(lifetimes) > 1:
            lost.append("lifetimes that differ by API: the shortest holds for all of them")
        quota = loose.table(loose.table(document, "token_quota"), "client_credentials")
        per_hour = loose.number(quota, "per_hour")
        has_quota = per_hour is not None and per_hour > 0
        client = FoundClient(
            client_id=client_id,
            name=name,
            description=loose.one_line(loose.text(document, "description")),
            access=tuple(access),
            grant_types=(CLIENT_CREDENTIALS,),
            token_lifetime=min(lifetimes, default=None),
            quota_per_hour=per_hour if has_quota else None,
            quota_observe=has_quota and loose.flag(quota, "enforce") is False,
            dpop_bound=loose.flag(document, "require_proof_of_possession") is True,
            lost=tuple(lost),
        )
        return _with_credentials(client, document)

    def _access(self, grant: Json) -> FoundAccess | str:
        audience = loose.text(grant, "audience")
        if audience in self._system_apis or audience.endswith(".auth0.com/api/v2/"):
            return "its access to Auth0's own Management API"
        if _has_mark(audience):
            return f"its access to {loose.one_line(audience)}: fill the marker with --keywords"
        api = self._apis.get(audience)
        if api is None:
            return f"its access to {loose.one_line(audience)}: the export lacks that API"
        if loose.flag(grant, "allow_all_scopes"):
            scopes = [loose.text(scope, "value") for scope in loose.tables(api, "scopes")]
        else:
            scopes = loose.texts(grant, "scope")
        return FoundAccess(audience=audience, scopes=loose.unique(filter(None, scopes)))


def _api(identifier: str, document: Json) -> FoundApi:
    scopes = {
        value: loose.one_line(loose.text(scope, "description"))
        for scope in loose.tables(document, "scopes")
        if (value := loose.text(scope, "value"))
    }
    return FoundApi(
        audience=identifier, name=loose.text(document, "name") or identifier, scopes=scopes
    )


def _why_not(document: Json) -> str:
    grants = loose.texts(document, "grant_types")
    kind = loose.text(document, "app_type")
    if loose.flag(document, "global"):
        return "It is Auth0's own."
    if CLIENT_CREDENTIALS not in grants and (grants or kind != "non_interactive"):
        return (
            f"It fetches no tokens for itself: it is of the type {loose.one_line(kind) or 'none'}."
        )
    client_id = loose.text(document, "client_id")
    if not client_id:
        return (
            "The export does not say its client_id. Export again with "
            "AUTH0_EXPORT_IDENTIFIERS=true, so that your customers keep it."
        )
    if _has_mark(client_id):
        return "Its client_id is a marker: fill it with --keywords."
    if loose.text(document, "token_endpoint_auth_method") == "none":
        return "It is public: it has nothing to prove itself with."
    return ""


def _has_mark(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _with_credentials(client: FoundClient, document: Json) -> FoundClient:
    by_key = loose.table(loose.table(document, "client_authentication_methods"), PRIVATE_KEY_JWT)
    if by_key or loose.text(document, "jwks_uri"):
        return _with_keys(replace(client, auth_methods=(PRIVATE_KEY_JWT,)), by_key, document)
    if loose.table(document, "client_authentication_methods"):
        return replace(
            client,
            auth_methods=SECRET_METHODS,
            needs="It proved itself by a certificate, which the export does not hold.",
        )
    method = loose.text(document, "token_endpoint_auth_method")
    client = replace(client, auth_methods=(method,) if method in SECRET_METHODS else SECRET_METHODS)
    secret = loose.text(document, "client_secret")
    if not secret or loose.is_masked(secret) or _has_mark(secret):
        return replace(
            client,
            needs="The export holds no secret of it. Export again with "
            "AUTH0_EXPORT_SECRETS=true, or make a new one.",
        )
    return replace(client, secrets=(FoundSecret(clear=Secret(secret)),))


def _with_keys(client: FoundClient, by_key: Json, document: Json) -> FoundClient:
    if url := loose.text(document, "jwks_uri"):
        return replace(client, keys=(FoundKey(jwks_uri=url),))
    keys = tuple(
        FoundKey(text=pem, alg=loose.text(each, "alg") or None)
        for each in loose.tables(by_key, "credentials")
        if (pem := loose.text(each, "pem"))
    )
    if keys:
        return replace(client, keys=keys)
    return replace(client, needs="The export holds no public key of it: ask its owner for one.")


def _lost(document: Json) -> list[str]:
    lost = []
    quota = loose.table(loose.table(document, "token_quota"), "client_credentials")
    if loose.number(quota, "per_day"):
        lost.append("its quota by the day")
    if loose.text(document, "organization_usage") in ("allow", "require"):
        lost.append("organizations")
    if loose.table(document, "client_metadata"):
        lost.append("client_metadata")
    return lost
