"""Make records of what a file says, with the usual values of what it leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from tokenbooth.management.addresses import service_url
from tokenbooth.management.clients.clients import switched
from tokenbooth.management.clients.proofs import SECRET_METHODS
from tokenbooth.management.clients.requests import USUAL_GRANTS, grant_types
from tokenbooth.management.configuration.credentials import wanted_credentials
from tokenbooth.management.configuration.document import (
    AccessEntry,
    ApiEntry,
    ClientEntry,
    IssuerEntry,
)
from tokenbooth.management.configuration.reading import (
    Document,
    Mistakes,
    Place,
    Said,
    table_of,
)
from tokenbooth.management.configuration.wanted import (
    Name,
    State,
    Wanted,
    WantedClient,
    WantedCredential,
)
from tokenbooth.management.errors import BadInput, no_such
from tokenbooth.management.rights import MANAGEMENT_API, RIGHTS
from tokenbooth.protocol.dialects import STANDARD, IssuerDefaults
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import (
    DEFAULT_ISSUER,
    Account,
    Api,
    ApiAccess,
    ApiPolicy,
    ApiScope,
    Client,
    ClientPolicy,
    Issuer,
    IssuerPolicy,
)
from tokenbooth.server.secrets import new_issuer_tag

# The service's own API, which it makes when it starts; a file may come before that.
MANAGEMENT = (DEFAULT_ISSUER, MANAGEMENT_API)
MANAGEMENT_PATH = "/api/v1"

_POLICY = ("profile", "dpop_nonce", "distrusted_issuers", "key_lifetime_days", "key_publish_ahead")


def resolve(booth: Booth, document: Document, state: State) -> Wanted:
    """Return what the files want; raises BadInput with every mistake."""
    mistakes, now = Mistakes(), booth.clock.now()
    places: dict[object, Place] = {}
    accounts = {}
    for name, account in document.accounts.items():
        places["account", name] = account.place
        accounts[name] = replace(
            state.accounts.get(name, Account(name=name, created_at=now)), title=account.entry.title
        )
    issuers: dict[str, Issuer] = {}
    for name, issuer in document.issuers.items():
        places["issuer", name] = issuer.place
        found = _issuer(booth, name, issuer, state.issuers.get(name), mistakes)
        if found is not None:
            issuers[name] = found
    apis: dict[Name, Api] = {}
    for pair, api in document.apis.items():
        places["api", *pair] = api.place
        try:
            apis[pair] = _api(pair, api.entry, state.apis.get(pair), now)
        except BadInput as error:
            mistakes.add(api.place, str(error))
    apis |= _management_api(booth, document, state)
    clients: dict[Name, WantedClient] = {}
    for pair, client in document.clients.items():
        places["client", *pair] = client.place
        credentials = _credentials(booth, client, mistakes)
        try:
            clients[pair] = _client(
                booth, _found(booth, pair, state), client, credentials, {**state.apis, **apis}
            )
        except BadInput as error:
            mistakes.add(client.place, str(error))
    mistakes.refuse()
    return Wanted(accounts=accounts, issuers=issuers, apis=apis, clients=clients, places=places)


def _issuer(
    booth: Booth, name: str, said: Said[IssuerEntry], current: Issuer | None, mistakes: Mistakes
) -> Issuer | None:
    entry = said.entry
    if entry.is_silent and current is not None:
        return current
    dialect = _or(entry.dialect, STANDARD)
    if dialect not in booth.dialects:
        text = no_such("dialect", dialect, sorted(booth.dialects))
        mistakes.add(said.place.within("dialect"), text)
        return None
    usual: IssuerDefaults = booth.dialects[dialect].issuer
    usual_policy = IssuerPolicy()
    policy = replace(
        usual_policy if current is None else current.policy,
        **{each: _or(getattr(entry, each), getattr(usual_policy, each)) for each in _POLICY},
    )
    now = booth.clock.now()
    return replace(
        current or Issuer(name=name, tag=new_issuer_tag(), created_at=now),
        url=_or(entry.url, None),
        dialect=dialect,
        token_format=_or(entry.token_format, "opaque" if usual.token_format == "opaque" else "jwt"),
        token_lifetime=_or(entry.token_lifetime, usual.token_lifetime),
        refresh_tokens=_or(entry.refresh_tokens, usual.refresh_tokens),
        refresh_lifetime=_or(entry.refresh_lifetime, usual.refresh_lifetime),
        alg=_or(entry.alg, "ES256"),
        policy=policy,
    )


def _or(said: Any, usual: Any) -> Any:  # noqa: ANN401 - a setting of any type
    return usual if said is UNSET else said


def _api(pair: Name, entry: ApiEntry, current: Api | None, now: float) -> Api:
    issuer, name = pair
    scopes = entry.scopes if isinstance(entry.scopes, dict) else dict.fromkeys(entry.scopes, "")
    policy = replace(
        ApiPolicy() if current is None else current.policy,
        claims=table_of(entry.claims),
        authorization_details=entry.authorization_details,
    )
    return replace(
        current or Api(issuer=issuer, name=name, audience=entry.audience, created_at=now),
        audience=entry.audience,
        scopes=tuple(ApiScope(name=each, description=text) for each, text in scopes.items()),
        self_service=entry.self_service,
        policy=policy,
    )


def _management_api(booth: Booth, document: Document, state: State) -> dict[Name, Api]:
    """Return the service's own API if a client needs it before the service made it."""
    issuer, name = MANAGEMENT
    is_needed = any(
        access.api == name
        for (at, _), client in document.clients.items()
        if at == issuer
        for access in client.entry.access
    )
    if not is_needed or MANAGEMENT in state.apis or MANAGEMENT in document.apis:
        return {}
    api = Api(
        issuer=issuer,
        name=name,
        audience=service_url(booth) + MANAGEMENT_PATH,
        scopes=tuple(ApiScope(name=each, description=text) for each, text in RIGHTS.items()),
        created_at=booth.clock.now(),
    )
    return {MANAGEMENT: api}


def _found(booth: Booth, pair: Name, state: State) -> tuple[Client, bool]:
    """Return the client that is there, or a new one; and whether it is new."""
    registered = state.clients.get(pair)
    if registered is not None:
        return registered.client, False
    now = booth.clock.now()
    return Client(issuer=pair[0], client_id=pair[1], created_at=now, updated_at=now), True


def _client(
    booth: Booth,
    found: tuple[Client, bool],
    said: Said[ClientEntry],
    credentials: Sequence[WantedCredential],
    apis: Mapping[Name, Api],
) -> WantedClient:
    current, is_new = found
    entry = said.entry
    client = replace(
        current,
        name=entry.name,
        account=entry.account,
        auth_methods=_methods(entry, None if is_new else current, credentials),
        grant_types=_grants(entry, None if is_new else current, credentials),
        access=tuple(_access(current.issuer, each, apis) for each in entry.access),
        resource_server_for=tuple(dict.fromkeys(entry.resource_server_for)),
        token_format=entry.token_format,
        token_lifetime=entry.token_lifetime,
        refresh_tokens=entry.refresh_tokens,
        policy=_policy(entry, current.policy),
    )
    if client.enabled != entry.enabled:
        client = switched(booth, client, enabled=entry.enabled)
    return WantedClient(client=client, credentials=tuple(credentials), place=said.place)


def _credentials(
    booth: Booth, said: Said[ClientEntry], mistakes: Mistakes
) -> tuple[WantedCredential, ...]:
    found: list[WantedCredential] = []
    for position, entry in enumerate(said.entry.credentials):
        place = said.place.within("credentials", position)
        try:
            found += wanted_credentials(booth, entry, place)
        except BadInput as error:
            mistakes.add(place, str(error))
    return tuple(found)


def _access(issuer: str, entry: AccessEntry, apis: Mapping[Name, Api]) -> ApiAccess:
    if entry.scopes is not UNSET:
        return ApiAccess(api=entry.api, scopes=tuple(dict.fromkeys(entry.scopes)))
    api = apis.get((issuer, entry.api))
    scopes = () if api is None else tuple(scope.name for scope in api.scopes)
    return ApiAccess(api=entry.api, scopes=scopes)


def _policy(entry: ClientEntry, current: ClientPolicy) -> ClientPolicy:
    """What the file cannot say, like who disabled the client, stays as it is."""
    return replace(
        current,
        description=entry.description,
        dpop_bound=entry.dpop_bound,
        dpop_nonce=entry.dpop_nonce,
        certificate_bound=entry.certificate_bound,
        networks=entry.networks,
        networks_observe=entry.networks_observe,
        quota_per_hour=entry.quota_per_hour,
        quota_observe=entry.quota_observe,
        claims=table_of(entry.claims),
        authorization_details=entry.authorization_details,
        exchanges=entry.exchanges,
    )


def _methods(
    entry: ClientEntry, current: Client | None, credentials: Sequence[WantedCredential]
) -> tuple[str, ...]:
    if entry.auth_methods is not UNSET:
        return tuple(dict.fromkeys(entry.auth_methods))
    needed = [method for each in credentials for method in each.methods]
    if current is None:
        return tuple(dict.fromkeys(needed)) or SECRET_METHODS
    if set(needed) & set(SECRET_METHODS) & set(current.auth_methods):
        # Of the two ways to send a secret, one is enough.
        needed = [method for method in needed if method not in SECRET_METHODS]
    return tuple(dict.fromkeys((*current.auth_methods, *needed)))


def _grants(
    entry: ClientEntry, current: Client | None, credentials: Sequence[WantedCredential]
) -> tuple[str, ...]:
    if entry.grant_types is not UNSET:
        return grant_types(entry.grant_types)
    usual = USUAL_GRANTS if current is None else current.grant_types
    needed = (grant for each in credentials for grant in each.grants)
    return tuple(dict.fromkeys((*usual, *needed)))
