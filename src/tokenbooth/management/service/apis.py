"""Make, show and change APIs: an audience and its scopes (RFC 8707)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tokenbooth.management.differences import differences
from tokenbooth.management.errors import BadInput, Conflict, Missing, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_api_name, check_text, shown
from tokenbooth.management.rights import MANAGEMENT_API, require
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.management.versions import refuse_outdated, version_of
from tokenbooth.protocol.authorization_details import (
    DetailType,
    DetailTypesRefused,
    check_types,
    read_types,
)
from tokenbooth.protocol.custom_claims import ClaimsRefused, check_claims
from tokenbooth.protocol.errors import InvalidScope
from tokenbooth.protocol.scope import Scope
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import DEFAULT_ISSUER, Api, ApiPolicy, ApiScope

MAX_AUDIENCE = 1024
NO_POLICY = ApiPolicy()
NO_DESCRIPTIONS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiView:
    """An API as people see it."""

    name: str
    issuer: str
    audience: str
    scopes: tuple[str, ...]
    self_service: bool
    created_at: datetime
    policy: ApiPolicy
    descriptions: Mapping[str, str]  # what its scopes allow, in words
    version: str


def view_api(api: Api) -> ApiView:
    """Return what people see of `api`."""
    return ApiView(
        name=api.name,
        issuer=api.issuer,
        audience=api.audience,
        scopes=scope_names(api),
        self_service=api.self_service,
        created_at=moment(api.created_at),
        policy=api.policy,
        descriptions={scope.name: scope.description for scope in api.scopes if scope.description},
        version=version_of(api),
    )


def scope_names(api: Api) -> tuple[str, ...]:
    """Return the names of the API's scopes."""
    return tuple(scope.name for scope in api.scopes)


def read_scope(text: str) -> Scope:
    """Read a scope as a person typed it; raises BadInput."""
    try:
        return Scope.parse(" ".join(text.split()))
    except InvalidScope as error:
        raise BadInput(error.description) from error


def is_management(api: Api) -> bool:
    """Whether the API stands for this service itself."""
    return (api.issuer, api.name) == (DEFAULT_ISSUER, MANAGEMENT_API)


async def find_api(booth: Booth, name: str, *, issuer: str) -> Api:
    """Return the issuer's API of that name; raises Missing."""
    await find_issuer(booth, issuer)
    apis = await booth.store.list_apis(issuer)
    for api in apis:
        if api.name == name:
            return api
    where = f" at the issuer {issuer!r}"
    raise Missing(no_such("API", name, [api.name for api in apis], where=where))


async def create_api(
    booth: Booth,
    *,
    name: str,
    audience: str,
    scopes: str,
    issuer: str = DEFAULT_ISSUER,
    self_service: bool = False,
    policy: ApiPolicy = NO_POLICY,
    descriptions: Mapping[str, str] = NO_DESCRIPTIONS,
) -> ApiView:
    """Make an API; `scopes` are names separated by spaces, `descriptions` say what they allow."""
    require(booth, "apis:write", whole=True)
    check_api_name(name)
    check_audience(audience)
    scope = read_scope(scopes)
    for text in descriptions.values():
        check_text("description of a scope", text)
    check_api_policy(policy)
    await find_issuer(booth, issuer)
    for other in await booth.store.list_apis(issuer):
        if other.name == name:
            raise Conflict(f"The issuer {issuer!r} has an API {name!r} already.")
        if other.audience == audience:
            raise Conflict(f"The audience {audience} belongs to the API {other.name!r} already.")
    api = Api(
        issuer=issuer,
        name=name,
        audience=audience,
        scopes=tuple(ApiScope(name=each, description=descriptions.get(each, "")) for each in scope),
        self_service=self_service,
        created_at=booth.clock.now(),
        policy=policy,
    )
    created = booth.event(
        "api_created",
        issuer=issuer,
        subject=name,
        audience=audience,
        scopes=list(scope_names(api)),
        self_service=self_service,
    )
    await booth.store.add_api(api, audit=[created])
    return view_api(api)


async def list_apis(booth: Booth, *, issuer: str | None = None) -> tuple[ApiView, ...]:
    """Return the APIs of one issuer, or of all."""
    require(booth, "apis:read")
    if issuer is not None:
        await find_issuer(booth, issuer)
    return tuple(view_api(api) for api in await booth.store.list_apis(issuer))


async def show_api(booth: Booth, name: str, *, issuer: str = DEFAULT_ISSUER) -> ApiView:
    """Return one API; raises Missing."""
    require(booth, "apis:read")
    return view_api(await find_api(booth, name, issuer=issuer))


async def add_scopes(
    booth: Booth,
    name: str,
    *,
    scopes: str,
    issuer: str = DEFAULT_ISSUER,
    version: str | None = None,
) -> ApiView:
    """Give the API further scopes; clients get none of them by that."""
    require(booth, "apis:write", whole=True)
    api = await find_api(booth, name, issuer=issuer)
    wanted = read_scope(scopes)
    if not wanted:
        raise BadInput("Name at least one scope to add.")
    known = scope_names(api)
    more = [ApiScope(name=each) for each in wanted if each not in known]
    refuse_outdated(api, version)
    return await _replace(booth, api, replace(api, scopes=(*api.scopes, *more)))


async def change_policy(
    booth: Booth,
    name: str,
    *,
    claims: Mapping[str, Any] | None = None,
    authorization_details: tuple[DetailType, ...] | None = None,
    issuer: str = DEFAULT_ISSUER,
    version: str | None = None,
) -> ApiView:
    """Replace what is given, and leave the rest; raises Missing, BadInput or Outdated."""
    require(booth, "apis:write", whole=True)
    api = await find_api(booth, name, issuer=issuer)
    policy = api.policy
    if claims is not None:
        policy = replace(policy, claims=claims)
    if authorization_details is not None:
        policy = replace(policy, authorization_details=authorization_details)
    check_api_policy(policy)
    refuse_outdated(api, version)
    return await _replace(booth, api, replace(api, policy=policy))


async def _replace(booth: Booth, api: Api, changed: Api) -> ApiView:
    if changed != api:
        event = booth.event(
            "api_changed",
            issuer=api.issuer,
            subject=api.name,
            changes=differences(api, changed),
        )
        await booth.store.replace_api(changed, seen=api, audit=[event])
    return view_api(changed)


def detail_types(document: bytes) -> tuple[DetailType, ...]:
    """Read a JSON array of types of details; raises BadInput."""
    try:
        return read_types(document)
    except DetailTypesRefused as error:
        raise BadInput(str(error)) from error


def check_api_policy(policy: ApiPolicy) -> None:
    """Refuse claims and types of details that cannot be in a token; raises BadInput."""
    try:
        check_claims(policy.claims)
        check_types(policy.authorization_details)
    except (ClaimsRefused, DetailTypesRefused) as error:
        raise BadInput(str(error)) from error


async def delete_api(
    booth: Booth, name: str, *, issuer: str = DEFAULT_ISSUER, version: str | None = None
) -> ApiView:
    """Delete the API; raises Missing, or StillInUse while a client has access to it."""
    require(booth, "apis:write", whole=True)
    api = await find_api(booth, name, issuer=issuer)
    refuse_outdated(api, version)
    deleted = booth.event("api_deleted", issuer=issuer, subject=name, audience=api.audience)
    await booth.store.delete_api(issuer, name, seen=api, audit=[deleted])
    return view_api(api)


def choose_scopes(apis: Sequence[Api], wanted: Scope | None) -> tuple[tuple[str, ...], ...]:
    """Return which of each API's scopes are wanted; None wants all. Raises BadInput."""
    if wanted is None:
        return tuple(scope_names(api) for api in apis)
    known = {name for api in apis for name in scope_names(api)}
    strange = [name for name in wanted if name not in known]
    if strange:
        names = ", ".join(api.name for api in apis)
        raise BadInput(no_such("scope", strange[0], sorted(known), where=f" of the API {names}"))
    return tuple(tuple(name for name in scope_names(api) if name in wanted.names) for api in apis)


def check_audience(audience: str) -> None:
    """Refuse what is no absolute URI, or has a fragment (RFC 8707 §2); raises BadInput."""
    try:
        parts = urlsplit(audience)
    except ValueError as error:
        raise BadInput(f"The audience {shown(audience)} is no URI.") from error
    if (
        not parts.scheme
        or not (parts.netloc or parts.path)
        or (parts.scheme in ("http", "https") and not parts.netloc)
    ):
        raise BadInput(
            f"The audience {shown(audience)} is no absolute URI; "
            "use one like https://api.example.com."
        )
    if "#" in audience:
        raise BadInput("The audience has a fragment (#); leave it out.")
    if len(audience) > MAX_AUDIENCE or not audience.isascii() or not audience.isprintable():
        raise BadInput(f"The audience is ASCII, printable and at most {MAX_AUDIENCE} characters.")
    if " " in audience or '"' in audience or "\\" in audience:
        raise BadInput("The audience holds a space, quote or backslash, which no URI does.")
