"""Make of what an export holds what shall be here: it adds, and takes nothing away."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tokenbooth.management.clients.certificates import subject_proof
from tokenbooth.management.clients.clients import switched
from tokenbooth.management.clients.proofs import SECRET_METHODS, NewProof
from tokenbooth.management.clients.public_keys import key_place, read_keys
from tokenbooth.management.configuration.credentials import (
    check_foreign_secret,
    secret_credential,
)
from tokenbooth.management.configuration.wanted import (
    Name,
    State,
    Wanted,
    WantedClient,
    WantedCredential,
)
from tokenbooth.management.errors import BadInput
from tokenbooth.management.imports.found import (
    Found,
    FoundAccess,
    FoundApi,
    FoundClient,
    FoundKey,
    FoundSecret,
)
from tokenbooth.management.names import shown
from tokenbooth.management.service.apis import read_scope
from tokenbooth.management.service.issuers import LONGEST_TOKEN
from tokenbooth.protocol.custom_claims import ClaimsRefused, check_claims
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.foreign_hashes import read_foreign_hash
from tokenbooth.server.records import Api, ApiAccess, ApiScope, Client, ClientPolicy

SHORTEST_IMPORTED = 16
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 12


@dataclass(slots=True, kw_only=True)
class Notes:
    """What is told about one client."""

    needs: str = ""
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What shall be, and what is told about each client."""

    wanted: Wanted
    notes: dict[str, Notes]


def merge(booth: Booth, found: Found, state: State, issuer: str) -> Merged:
    """Return the records that the issuer shall have."""
    apis = _apis(booth, found, state, issuer)
    by_audience = {api.audience: api for api in apis}
    clients: dict[Name, WantedClient] = {}
    notes: dict[str, Notes] = {}
    for each in found.clients:
        told = notes[each.client_id] = Notes(needs=each.needs, lost=list(each.lost))
        clients[issuer, each.client_id] = _client(booth, each, state, issuer, by_audience, told)
    wanted = Wanted(
        apis={(issuer, api.name): api for api in apis},
        clients=clients,
    )
    return Merged(wanted=wanted, notes=notes)


def _apis(booth: Booth, found: Found, state: State, issuer: str) -> list[Api]:
    mine = {api.audience: api for api in state.apis.values() if api.issuer == issuer}
    taken = {api.name for api in mine.values()}
    apis: list[Api] = []
    for each in found.apis:
        known = mine.get(each.audience)
        if known is None:
            name = _free_name(each, taken)
            taken.add(name)
            known = Api(
                issuer=issuer, name=name, audience=each.audience, created_at=booth.clock.now()
            )
        has = {scope.name for scope in known.scopes}
        more = tuple(
            ApiScope(name=name, description=text)
            for name, text in each.scopes.items()
            if name not in has and _is_scope(name)
        )
        known = mine[each.audience] = replace(known, scopes=(*known.scopes, *more))
        apis = [*(api for api in apis if api.audience != each.audience), known]
    return apis


def _is_scope(name: str) -> bool:
    try:
        return read_scope(name).names == (name,)
    except BadInput:
        return False


def _usable(found: FoundClient, told: Notes) -> FoundClient:
    """Leave out what cannot be here, and tell it, so that the client itself can come."""
    claims: dict[str, Any] = {}
    for name, value in found.claims.items():
        try:
            check_claims({**claims, name: value})
        except ClaimsRefused as error:
            told.lost.append(f"the claim {shown(name)}: {error}")
        else:
            claims[name] = value
    strange = {scope for each in found.access for scope in each.scopes if not _is_scope(scope)}
    told.lost += [f"the scope {shown(scope)}: it is none" for scope in sorted(strange)]
    access = tuple(
        replace(each, scopes=tuple(scope for scope in each.scopes if scope not in strange))
        for each in found.access
    )
    lifetime = found.token_lifetime
    if lifetime is not None and lifetime > LONGEST_TOKEN:
        told.lost.append(f"tokens that live {lifetime} seconds: the longest is {LONGEST_TOKEN}")
        lifetime = LONGEST_TOKEN
    return replace(found, claims=claims, access=access, token_lifetime=lifetime)


def _free_name(api: FoundApi, taken: Iterable[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", api.name.removeprefix("https://")).strip("-._")
    name = plain[:56] or "api"
    names = {each.lower() for each in taken}
    number = 2
    free = name
    while free.lower() in names:
        free, number = f"{name}-{number}", number + 1
    return free


def _client(  # noqa: PLR0917 - all of them are what a client is made of
    booth: Booth,
    found: FoundClient,
    state: State,
    issuer: str,
    apis: dict[str, Api],
    told: Notes,
) -> WantedClient:
    found = _usable(found, told)
    registered = state.clients.get((issuer, found.client_id))
    now = booth.clock.now()
    current = (
        Client(
            issuer=issuer,
            client_id=found.client_id,
            auth_methods=(),
            grant_types=(),
            created_at=now,
            updated_at=now,
        )
        if registered is None
        else registered.client
    )
    credentials = tuple(_credentials(booth, found, issuer, told))
    if registered is not None and registered.credentials:
        told.needs = ""  # it was given something meanwhile
    policy = current.policy
    said: ClientPolicy = replace(
        policy,
        description=found.description or policy.description,
        dpop_bound=found.dpop_bound or policy.dpop_bound,
        certificate_bound=found.certificate_bound or policy.certificate_bound,
        quota_per_hour=found.quota_per_hour or policy.quota_per_hour,
        quota_observe=found.quota_observe if found.quota_per_hour else policy.quota_observe,
        claims={**policy.claims, **found.claims},
    )
    client = replace(
        current,
        name=found.name or current.name,
        auth_methods=tuple(dict.fromkeys((*current.auth_methods, *found.auth_methods))),
        grant_types=tuple(dict.fromkeys((*current.grant_types, *found.grant_types))),
        access=_access(current.access, found.access, apis),
        token_format=found.token_format or current.token_format,
        token_lifetime=found.token_lifetime or current.token_lifetime,
        policy=said,
    )
    # Never the other way round: whoever disabled it here had a reason.
    if client.enabled and not found.enabled:
        client = switched(booth, client, enabled=False)
    return WantedClient(client=client, credentials=credentials)


def _access(
    current: tuple[ApiAccess, ...], found: Iterable[FoundAccess], apis: dict[str, Api]
) -> tuple[ApiAccess, ...]:
    scopes = {each.api: dict.fromkeys(each.scopes) for each in current}
    for each in found:
        api = apis.get(each.audience)
        if api is not None:
            scopes.setdefault(api.name, {}).update(dict.fromkeys(each.scopes))
    return tuple(ApiAccess(api=api, scopes=tuple(names)) for api, names in scopes.items())


def _credentials(
    booth: Booth, found: FoundClient, issuer: str, told: Notes
) -> Iterator[WantedCredential]:
    for secret in found.secrets:
        if secret.expires_at is not None and secret.expires_at <= booth.clock.now():
            told.lost.append("a secret that has expired")
            continue
        try:
            yield _secret(booth, secret, found, issuer)
        except BadInput as error:
            told.needs = told.needs or f"Its secret cannot be carried over. {error}"
    for key in found.keys:
        try:
            yield from map(_of_proof, _proofs(key))
        except BadInput as error:
            told.needs = told.needs or f"Its key cannot be carried over. {error}"


def _secret(booth: Booth, found: FoundSecret, client: FoundClient, issuer: str) -> WantedCredential:
    if found.clear is not None:
        check_foreign_secret(found.clear, shortest=SHORTEST_IMPORTED)
        made = secret_credential(booth, found.clear)
    else:
        made = _hashed(found.hash or "", client.client_id, issuer)
    return replace(
        made,
        label=found.label or None,
        expires_at=found.expires_at,
        is_expiry_said=False,
    )


def _hashed(stored: str, client_id: str, issuer: str) -> WantedCredential:
    try:
        read_foreign_hash(stored)
    except ValueError as error:
        raise BadInput(f"Its hash cannot be used: {error}.") from error
    # By this id it is found again, though its hash is replaced when it is first used.
    marked = hashlib.sha256(f"{issuer}\0{client_id}\0{stored}".encode()).digest()
    number, digits = int.from_bytes(marked, "big"), []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return WantedCredential(
        kind="secret", data=stored, hint="", methods=SECRET_METHODS, id="".join(digits)
    )


def _proofs(key: FoundKey) -> tuple[NewProof, ...]:
    if key.jwks_uri is not None:
        return (key_place(key.jwks_uri),)
    if key.subject_dn is not None:
        return (subject_proof("subject_dn", key.subject_dn),)
    return read_keys(key.text or "", alg=key.alg).proofs


def _of_proof(proof: NewProof) -> WantedCredential:
    return WantedCredential(
        kind=proof.kind,
        data=proof.data,
        hint=proof.hint,
        methods=(proof.method,),
        grants=proof.grants,
    )
