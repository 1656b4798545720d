"""Read what Keycloak exports: a realm, several of them, or clients alone.

Scopes are the client scopes that show in a token; audiences are what audience mappers write.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

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
from tokenbooth.protocol.certificate import TLS
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS, REFRESH_TOKEN
from tokenbooth.protocol.secret import Secret

SYSTEM = "keycloak"

# What every realm has for people and for Keycloak itself; nothing that an API of yours asks for.
_OWN_SCOPES = frozenset(
    (
        *("acr", "address", "basic", "email", "microprofile-jwt", "offline_access"),
        *("openid", "organization", "phone", "profile", "role_list", "roles"),
        *("saml_organization", "service_account", "web-origins"),
    )
)
_OWN_CLIENTS = frozenset(
    (
        *("account", "account-console", "admin-cli", "broker"),
        *("realm-management", "security-admin-console"),
    )
)
_AUDIENCE = "oidc-audience-mapper"
_HARD_CODED = "oidc-hardcoded-claim-mapper"
# Where the client is in Keycloak's session: our tokens name their client anyway.
_USUAL_MAPPERS = frozenset(("oidc-usersessionmodel-note-mapper", "oidc-sub-mapper"))
_METHODS: Mapping[str, tuple[str, ...]] = {
    "client-secret": SECRET_METHODS,
    "client-secret-jwt": SECRET_METHODS,
    "client-jwt": (PRIVATE_KEY_JWT,),
    "client-x509": (TLS,),
}


def read(data: bytes, *, audience: str | None = None) -> Found:
    """Return the clients of an export; raises BadInput for what is none.

    `audience` is for clients whose tokens have none.
    """
    document = loose.parse(data, "Keycloak")
    listed = document if isinstance(document, list) else [document]
    realms = [each for each in listed if isinstance(each, dict) and "clients" in each]
    clients = [each for each in listed if isinstance(each, dict) and "clientId" in each]
    if not realms and not clients:
        raise BadInput("This is no export of Keycloak: it holds neither a realm nor clients.")
    found = [_Realm(realm, audience).read() for realm in realms]
    if clients:
        found.append(_Realm({"clients": clients}, audience).read())
    return Found(
        system=SYSTEM,
        apis=tuple(api for each in found for api in each.apis),
        clients=tuple(client for each in found for client in each.clients),
        skipped=tuple(skipped for each in found for skipped in each.skipped),
    )


@dataclass(frozen=True, slots=True)
class _Scope:
    audiences: tuple[str, ...]
    is_shown: bool
    description: str
    mappers: tuple[Json, ...]


class _Realm:
    """Reads one realm."""

    def __init__(self, realm: Json, audience: str | None) -> None:
        self._realm = realm
        self._name = loose.text(realm, "realm") or "imported"
        self._usual_audience = audience or loose.audience_uri(self._name, SYSTEM)
        self._has_scopes = "clientScopes" in realm
        self._scopes = {
            loose.text(scope, "name"): _scope(scope)
            for scope in loose.tables(realm, "clientScopes")
        }
        self._roles = {
            loose.text(user, "serviceAccountClientId"): _roles(user)
            for user in loose.tables(realm, "users")
        }
        self._apis: dict[str, FoundApi] = {}

    def read(self) -> Found:
        clients, skipped = [], []
        for document in loose.tables(self._realm, "clients"):
            client_id = loose.text(document, "clientId")
            if not client_id or client_id in _OWN_CLIENTS or client_id.endswith("-realm"):
                continue
            why = _why_not(document)
            if why:
                skipped.append(Skipped(client_id=client_id, why=why))
            else:
                clients.append(self._client(client_id, document))
        return Found(
            system=SYSTEM,
            apis=tuple(self._apis.values()),
            clients=tuple(clients),
            skipped=tuple(skipped),
        )

    def _client(self, client_id: str, document: Json) -> FoundClient:
        attributes = loose.table(document, "attributes")
        lifetime = loose.number(attributes, "access.token.lifespan")
        found = _with_credentials(
            FoundClient(
                client_id=client_id,
                name=loose.one_line(loose.text(document, "name")),
                description=loose.one_line(loose.text(document, "description")),
                enabled=loose.flag(document, "enabled") is not False,
                access=self._access(document),
                grant_types=_grants(attributes),
                token_lifetime=lifetime if lifetime is not None and lifetime > 0 else None,
                dpop_bound=loose.flag(attributes, "dpop.bound.access.tokens") is True,
                certificate_bound=loose.flag(
                    attributes, "tls.client.certificate.bound.access.tokens"
                )
                or None,
                claims=dict(self._claims(document)),
            ),
            document,
        )
        return replace(found, lost=(*found.lost, *self._lost(client_id, document)))

    def _named_scopes(self, document: Json) -> list[str]:
        named = (
            *loose.texts(document, "defaultClientScopes"),
            *loose.texts(document, "optionalClientScopes"),
        )
        return [name for name in loose.unique(named) if name not in _OWN_SCOPES]

    def _access(self, document: Json) -> tuple[FoundAccess, ...]:
        """Put each scope to the audiences that it brings, or else to those of the client."""
        own = list(_audiences(loose.tables(document, "protocolMappers")))
        by_audience: dict[str, list[str]] = {each: [] for each in own}
        homeless = []
        for name in self._named_scopes(document):
            scope = self._scopes.get(name)
            if scope is None:
                # An export of clients alone does not say which scopes show; so all of them do.
                homeless += [] if self._has_scopes else [name]
                continue
            for audience in scope.audiences:
                shown = [name] if scope.is_shown else []
                by_audience.setdefault(audience, []).extend(shown)
            if scope.is_shown and not scope.audiences:
                homeless.append(name)
        targets = own or list(by_audience) or [""]
        for audience in targets:
            by_audience.setdefault(audience, []).extend(homeless)
        return tuple(self._at(audience, scopes) for audience, scopes in by_audience.items())

    def _at(self, audience: str, scopes: list[str]) -> FoundAccess:
        uri = loose.audience_uri(audience, SYSTEM) if audience else self._usual_audience
        known = self._apis.get(uri) or FoundApi(audience=uri, name=audience or self._name)
        described = {
            name: self._scopes[name].description if name in self._scopes else "" for name in scopes
        }
        self._apis[uri] = replace(known, scopes={**known.scopes, **described})
        return FoundAccess(audience=uri, scopes=loose.unique(scopes))

    def _mappers(self, document: Json) -> list[Json]:
        return [
            *loose.tables(document, "protocolMappers"),
            *(
                mapper
                for name in self._named_scopes(document)
                if name in self._scopes
                for mapper in self._scopes[name].mappers
            ),
        ]

    def _claims(self, document: Json) -> Iterator[tuple[str, Any]]:
        for mapper in self._mappers(document):
            config = loose.table(mapper, "config")
            name = loose.text(config, "claim.name")
            is_meant = loose.flag(config, "access.token.claim") is not False
            if loose.text(mapper, "protocolMapper") != _HARD_CODED or not is_meant:
                continue
            if name and "." not in name:
                yield name, _typed(config)

    def _lost(self, client_id: str, document: Json) -> Iterator[str]:
        attributes = loose.table(document, "attributes")
        if alg := loose.text(attributes, "access.token.signed.response.alg"):
            yield f"the algorithm {alg}: here it is the issuer's"
        for mapper in self._mappers(document):
            kind = loose.text(mapper, "protocolMapper")
            nested = "." in loose.text(loose.table(mapper, "config"), "claim.name")
            if kind in _USUAL_MAPPERS or kind == _AUDIENCE or (kind == _HARD_CODED and not nested):
                continue
            yield f"the mapper {loose.one_line(loose.text(mapper, 'name') or kind)}"
        for audience in _audiences(self._mappers(document)):
            if (uri := loose.audience_uri(audience, SYSTEM)) != audience:
                yield f"the audience {loose.one_line(audience)}: its API has to expect {uri}"
        if roles := self._roles.get(client_id):
            yield f"roles of its service account: {loose.one_line(', '.join(roles))}"
        for flow in ("standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled"):
            if loose.flag(document, flow):
                yield f"{flow}: there are no people here"


def _why_not(document: Json) -> str:
    if loose.text(document, "protocol") not in ("", "openid-connect"):
        return f"It speaks {loose.one_line(loose.text(document, 'protocol'))}, not OAuth."
    if loose.flag(document, "publicClient"):
        return "It is public: it has nothing to prove itself with."
    if loose.flag(document, "bearerOnly"):
        return "It is an API (bearer only), not a client."
    if not loose.flag(document, "serviceAccountsEnabled"):
        return "It has no service account, so it fetches no tokens for itself."
    return ""


def _scope(document: Json) -> _Scope:
    mappers = loose.tables(document, "protocolMappers")
    return _Scope(
        audiences=tuple(_audiences(mappers)),
        is_shown=loose.flag(loose.table(document, "attributes"), "include.in.token.scope")
        is not False,
        description=loose.one_line(loose.text(document, "description")),
        mappers=tuple(mappers),
    )


def _audiences(mappers: list[Json]) -> Iterator[str]:
    for mapper in mappers:
        config = loose.table(mapper, "config")
        if loose.text(mapper, "protocolMapper") != _AUDIENCE:
            continue
        if loose.flag(config, "access.token.claim") is False:
            continue
        audience = loose.text(config, "included.client.audience") or loose.text(
            config, "included.custom.audience"
        )
        if audience:
            yield audience


def _grants(attributes: Json) -> tuple[str, ...]:
    if loose.flag(attributes, "client_credentials.use_refresh_token"):
        return (CLIENT_CREDENTIALS, REFRESH_TOKEN)
    return (CLIENT_CREDENTIALS,)


def _roles(user: Json) -> tuple[str, ...]:
    of_clients = (
        f"{client}/{role}"
        for client, roles in loose.table(user, "clientRoles").items()
        for role in loose.texts({"": roles}, "")
    )
    usual = ("default-roles-", "offline_access", "uma_authorization")
    realm = (r for r in loose.texts(user, "realmRoles") if not r.startswith(usual))
    return loose.unique((*realm, *of_clients))


def _typed(config: Json) -> Any:  # noqa: ANN401 - JSON
    said = loose.text(config, "claim.value")
    if loose.text(config, "jsonType.label") in ("", "String"):
        return said
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return said


def _with_credentials(client: FoundClient, document: Json) -> FoundClient:
    kind = loose.text(document, "clientAuthenticatorType") or "client-secret"
    methods = _METHODS.get(kind)
    if methods is None:
        return replace(
            client,
            auth_methods=SECRET_METHODS,
            needs=f"It proved itself by {loose.one_line(kind)}, which cannot be carried over.",
        )
    client = replace(client, auth_methods=methods)
    attributes = loose.table(document, "attributes")
    if kind == "client-jwt":
        return _with_keys(client, attributes)
    if kind == "client-x509":
        return _with_certificate(client, attributes)
    if kind == "client-secret-jwt":
        client = replace(
            client, lost=("client-secret-jwt: it sends the secret itself now, by HTTP Basic",)
        )
    return _with_secrets(client, loose.text(document, "secret"), attributes)


def _with_secrets(client: FoundClient, secret: str, attributes: Json) -> FoundClient:
    if not secret or loose.is_masked(secret):
        why = "The export masks its secret." if secret else "The export holds no secret of it."
        return replace(client, needs=f"{why} Export again with the secrets, or make a new one.")
    expires_at = loose.number(attributes, "client.secret.expiration.time")
    secrets = [FoundSecret(clear=Secret(secret), expires_at=_moment(expires_at))]
    older = loose.text(attributes, "client.secret.rotated")
    ends = _moment(loose.number(attributes, "client.secret.rotated.expiration.time"))
    if older and not loose.is_masked(older) and ends is not None:
        secrets.append(FoundSecret(clear=Secret(older), label="rotated", expires_at=ends))
    return replace(client, secrets=tuple(secrets))


def _moment(seconds: int | None) -> float | None:
    return float(seconds) if seconds is not None and seconds > 0 else None


def _with_keys(client: FoundClient, attributes: Json) -> FoundClient:
    alg = loose.text(attributes, "token.endpoint.auth.signing.alg") or None
    if loose.flag(attributes, "use.jwks.url") and (url := loose.text(attributes, "jwks.url")):
        return replace(client, keys=(FoundKey(jwks_uri=url),))
    if loose.flag(attributes, "use.jwks.string") and (
        keys := loose.text(attributes, "jwks.string")
    ):
        return replace(client, keys=(FoundKey(text=keys, alg=alg),))
    if certificate := loose.text(attributes, "jwt.credential.certificate"):
        key = _key_of(certificate)
        if key is not None:
            return replace(client, keys=(FoundKey(text=key, alg=alg),))
    return replace(client, needs="The export holds no public key of it: ask its owner for one.")


def _key_of(certificate: str) -> str | None:
    try:
        read_in = x509.load_der_x509_certificate(base64.b64decode("".join(certificate.split())))
        key = read_in.public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    except (ValueError, TypeError, binascii.Error):
        return None


def _with_certificate(client: FoundClient, attributes: Json) -> FoundClient:
    subject = loose.text(attributes, "x509.subjectdn")
    is_pattern = loose.flag(attributes, "x509.allow.regex.pattern.comparison")
    if subject and not is_pattern:
        return replace(client, keys=(FoundKey(subject_dn=subject),))
    return replace(client, needs="Its certificate is known by a pattern: name its subject instead.")
