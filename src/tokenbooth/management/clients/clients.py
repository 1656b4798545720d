"""Register, show, disable and delete clients."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from tokenbooth.management.addresses import issuer_url, token_endpoint
from tokenbooth.management.clients.bounds import check_bounds, own_account, require_no_less
from tokenbooth.management.clients.credentials import (
    CredentialView,
    NewSecret,
    make_secret,
    view_credential,
)
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.clients.proofs import (
    NewProof,
    check_proofs,
    chosen_methods,
    make_credential,
    needs_secret,
    with_grants,
)
from tokenbooth.management.clients.requests import USUAL_GRANTS, check_policy
from tokenbooth.management.clients.revise_client import client_event, revise_client
from tokenbooth.management.errors import BadInput, Conflict, NotAllowed
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_client_id, check_text
from tokenbooth.management.people.accounts import find_account
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.service.apis import choose_scopes, find_api, read_scope
from tokenbooth.management.service.issuers import LONGEST_TOKEN, find_issuer
from tokenbooth.management.versions import refuse_outdated, version_of
from tokenbooth.server import revocations
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.new_clients import new_client_id
from tokenbooth.server.records import (
    DEFAULT_ISSUER,
    ApiAccess,
    Client,
    ClientPolicy,
    RegisteredClient,
    TokenFormat,
)

_PAGE = 500
NO_POLICY = ClientPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """What a client may have of one API."""

    api: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """A client as people see it."""

    client_id: str
    issuer: str
    name: str
    account: str | None
    enabled: bool
    auth_methods: tuple[str, ...]
    grant_types: tuple[str, ...]
    access: tuple[AccessView, ...]
    resource_server_for: tuple[str, ...]
    token_format: TokenFormat | None
    token_lifetime: int | None
    refresh_tokens: bool | None
    created_at: datetime
    updated_at: datetime
    policy: ClientPolicy
    credentials: tuple[CredentialView, ...]
    version: str  # changes with everything but the credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClient:
    """A client that was just registered, with its first secret if it has one."""

    client: ClientView
    secret: NewSecret | None
    issuer_url: str
    token_endpoint: str
    is_assumed_address: bool  # nobody said what the service's public address is


def view_client(booth: Booth, registered: RegisteredClient) -> ClientView:
    """Return what people see of a client."""
    client = registered.client
    return ClientView(
        client_id=client.client_id,
        issuer=client.issuer,
        name=client.name,
        account=client.account,
        enabled=client.enabled,
        auth_methods=client.auth_methods,
        grant_types=client.grant_types,
        access=tuple(AccessView(api=each.api, scopes=each.scopes) for each in client.access),
        resource_server_for=client.resource_server_for,
        token_format=client.token_format,
        token_lifetime=client.token_lifetime,
        refresh_tokens=client.refresh_tokens,
        created_at=moment(client.created_at),
        updated_at=moment(client.updated_at),
        policy=client.policy,
        credentials=tuple(view_credential(booth, each) for each in registered.credentials),
        version=version_of(client),
    )


async def create_client(
    booth: Booth,
    *,
    apis: Sequence[str] = (),
    scope: str | None = None,
    client_id: str | None = None,
    name: str = "",
    issuer: str = DEFAULT_ISSUER,
    account: str | None = None,
    resource_server_for: Sequence[str] = (),
    auth_methods: Sequence[str] | None = None,
    proofs: Sequence[NewProof] = (),
    grants: tuple[str, ...] = USUAL_GRANTS,
    token_format: TokenFormat | None = None,
    token_lifetime: int | None = None,
    refresh_tokens: bool | None = None,
    policy: ClientPolicy = NO_POLICY,
    label: str = "",
    expires_in: float | None = None,
    access: Sequence[ApiAccess] | None = None,
    with_secret: bool = True,
) -> NewClient:
    """Register a client with its first secret, or with `proofs` instead.

    The first of `apis` is its default. `scope` None gives it all scopes of its APIs. In their place
    `access` says which scopes of which API, and may be empty: for one who asks for access later.
    An account's people make their account's clients alone, within what `bounds` says.
    """
    require(booth, "clients:write")
    account = own_account(booth, account)
    owner = await find_issuer(booth, issuer)
    check_text("name", name)
    check_text("description", policy.description)
    methods = chosen_methods(auth_methods, proofs)
    check_proofs(owner, methods, proofs)
    if token_lifetime is not None and not 1 <= token_lifetime <= LONGEST_TOKEN:
        raise BadInput(f"A token lives from 1 second to {LONGEST_TOKEN // 86_400} days.")
    if access is None and not apis and not resource_server_for:
        known = [api.name for api in await booth.store.list_apis(issuer)]
        have = f"It has: {', '.join(known)}." if known else "It has none yet: create one first."
        raise BadInput(f"Name at least one API of the issuer {issuer!r}. {have}")
    granted = [
        await find_api(booth, api, issuer=issuer)
        for api in dict.fromkeys((*apis, *(each.api for each in access or ())))
    ]
    served = [
        (await find_api(booth, api, issuer=issuer)).name
        for api in dict.fromkeys(resource_server_for)
    ]
    if access is None:
        chosen = choose_scopes(granted, None if scope is None else read_scope(scope))
    else:
        wanted = {each.api: " ".join(each.scopes) for each in access}
        chosen = tuple(choose_scopes([api], read_scope(wanted[api.name]))[0] for api in granted)
    if account is not None:
        await find_account(booth, account)
    await check_policy(booth, policy, issuer=issuer)
    now = booth.clock.now()
    client = Client(
        issuer=issuer,
        client_id=await _free_id(booth, issuer, client_id),
        name=name,
        account=account,
        auth_methods=methods,
        grant_types=grants,
        access=tuple(
            ApiAccess(api=api.name, scopes=names)
            for api, names in zip(granted, chosen, strict=True)
        ),
        resource_server_for=tuple(served),
        token_format=token_format,
        token_lifetime=token_lifetime,
        refresh_tokens=refresh_tokens,
        created_at=now,
        updated_at=now,
        policy=policy,
    )
    client = replace(client, grant_types=with_grants(client.grant_types, proofs))
    await check_bounds(booth, None, client)
    credentials, secret = [], None
    if needs_secret(methods) and with_secret:
        credential, secret = make_secret(
            booth, owner, client.client_id, label=label, expires_in=expires_in
        )
        credentials.append(credential)
    credentials += [
        make_credential(
            booth,
            proof,
            issuer=issuer,
            client_id=client.client_id,
            label=label,
            expires_in=expires_in,
        )
        for proof in proofs
    ]
    created = client_event(
        booth,
        "client_created",
        client,
        access={each.api: list(each.scopes) for each in client.access},
        credentials=[each.id for each in credentials],
    )
    await booth.store.add_client(client, credentials, audit=[created])
    registered = RegisteredClient(client=client, credentials=tuple(credentials))
    return NewClient(
        client=view_client(booth, registered),
        secret=secret,
        issuer_url=issuer_url(booth, owner),
        token_endpoint=token_endpoint(booth, owner),
        is_assumed_address=owner.url is None and booth.settings.issuer_url is None,
    )


async def list_clients(
    booth: Booth,
    *,
    issuer: str | None = None,
    account: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
) -> tuple[ClientView, ...]:
    """Return up to `limit` clients by issuer and id, starting behind the pair `after`."""
    require(booth, "clients:read")
    if issuer is not None:
        await find_issuer(booth, issuer)
    account = own_account(booth, account)
    if account is not None:
        await find_account(booth, account)
    found: list[ClientView] = []
    while len(found) < limit:
        wanted = min(_PAGE, limit - len(found))
        page = await booth.store.list_clients(
            issuer=issuer, account=account, after=after, limit=wanted
        )
        found += [view_client(booth, each) for each in page]
        if len(page) < wanted:
            break
        after = (page[-1].client.issuer, page[-1].client.client_id)
    return tuple(found)


async def show_client(booth: Booth, client_id: str, *, issuer: str | None = None) -> ClientView:
    """Return one client; raises Missing or Ambiguous."""
    require(booth, "clients:read")
    return view_client(booth, await find_client(booth, client_id, issuer=issuer))


async def set_enabled(
    booth: Booth,
    client_id: str,
    *,
    enabled: bool,
    issuer: str | None = None,
    version: str | None = None,
) -> ClientView:
    """Let the client authenticate, or refuse it and all its tokens from now on.

    Tokens that it got before it was disabled stay dead when it is enabled again.
    """

    async def switch(client: Client) -> Client:
        return switched(booth, client, enabled=enabled)

    changed = await revise_client(booth, client_id, switch, issuer=issuer, version=version)
    return view_client(booth, changed)


def switched(booth: Booth, client: Client, *, enabled: bool) -> Client:
    """Return the client enabled or disabled by whoever acts; raises NotAllowed."""
    by_account = booth.actor.account is not None
    if enabled:
        if not client.enabled and by_account and client.policy.disabled_by != "account":
            raise NotAllowed("An operator disabled this client: ask them to enable it.")
        return replace(client, enabled=True, policy=replace(client.policy, disabled_by=None))
    if not client.enabled and by_account:
        return client  # whoever disabled it first, an operator perhaps, did so
    by: Literal["operator", "account"] = "account" if by_account else "operator"
    return replace(client, enabled=False, policy=replace(client.policy, disabled_by=by))


async def delete_client(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    force: bool = False,
    version: str | None = None,
) -> ClientView:
    """Delete the client with all its credentials, and end its tokens.

    Raises Conflict for one that is enabled, and so perhaps in use, unless it is to be forced.
    """
    require(booth, "clients:write")

    async def attempt() -> ClientView:
        registered = await find_client(booth, client_id, issuer=issuer)
        client, now = registered.client, booth.clock.now()
        refuse_outdated(client, version)
        require_no_less(booth, client)
        if client.enabled and not force:
            raise Conflict(
                f"The client {client_id!r} is enabled: disable it first, and see who misses it."
            )
        if booth.actor.account is not None and client.policy.disabled_by == "operator":
            raise NotAllowed("An operator disabled this client: ask them to delete it.")
        await booth.store.delete_client(
            client.issuer,
            client.client_id,
            seen=client,
            revoking=[
                # A client that gets this id later must be able to work, so this ends at some time.
                revocations.of_stopped_client(client, now),
                *revocations.of_removed_credentials(registered.credentials, now),
            ],
            audit=[client_event(booth, "client_deleted", client)],
        )
        return view_client(booth, registered)

    return await revise(attempt)


async def revoke_tokens(
    booth: Booth, client_id: str, *, issuer: str | None = None, version: str | None = None
) -> ClientView:
    """End every token that the client got so far; it may go on getting new ones."""
    require(booth, "clients:write")
    registered = await find_client(booth, client_id, issuer=issuer)
    client = registered.client
    refuse_outdated(client, version)
    require_no_less(booth, client)
    await booth.store.revoke(
        [revocations.of_client(client, booth.clock.now())],
        audit=[client_event(booth, "client_tokens_revoked", client)],
    )
    return view_client(booth, registered)


async def _free_id(booth: Booth, issuer: str, wanted: str | None) -> str:
    if wanted is None:
        return new_client_id()
    check_client_id(wanted)
    taken = f"The id {wanted!r} is taken; give the client another one."
    if await booth.store.get_account(wanted) is not None:
        # Both appear as a token's subject: one must never pass for the other.
        raise Conflict(taken)
    found = await booth.store.get_client(issuer, wanted)
    if found is not None:
        if booth.actor.account not in (None, found.client.account):
            # The same text: nobody learns by it how other customers are called.
            raise Conflict(taken)
        raise Conflict(f"The issuer {issuer!r} has a client {wanted!r} already.")
    return wanted
