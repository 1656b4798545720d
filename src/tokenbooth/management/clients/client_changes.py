"""Change what is said about a client: what is given replaces what was, the rest stays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from msgspec import UNSET, UnsetType

from tokenbooth.management.clients.clients import ClientView, switched, view_client
from tokenbooth.management.clients.limits import Limits, networks_of
from tokenbooth.management.clients.proofs import AUTH_METHODS
from tokenbooth.management.clients.requests import check_policy, grant_types
from tokenbooth.management.clients.revise_client import revise_client
from tokenbooth.management.errors import BadInput
from tokenbooth.management.names import check_text
from tokenbooth.management.people.accounts import find_account
from tokenbooth.management.service.apis import find_api
from tokenbooth.management.service.issuers import LONGEST_TOKEN, find_issuer
from tokenbooth.protocol.errors import printable
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import Client, ClientPolicy, TokenFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChanges:
    """What is said; UNSET leaves what is there. The names are those of the management API."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    account: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    auth_methods: tuple[str, ...] | UnsetType = UNSET
    grant_types: tuple[str, ...] | UnsetType = UNSET
    resource_server_for: tuple[str, ...] | UnsetType = UNSET
    token_format: TokenFormat | UnsetType | None = UNSET
    token_lifetime: int | UnsetType | None = UNSET
    refresh_tokens: bool | UnsetType | None = UNSET
    dpop_bound: bool | UnsetType = UNSET
    dpop_nonce: bool | UnsetType = UNSET
    certificate_bound: bool | UnsetType | None = UNSET
    networks: tuple[str, ...] | UnsetType = UNSET
    networks_observe: bool | UnsetType = UNSET
    quota_per_hour: int | UnsetType | None = UNSET
    quota_observe: bool | UnsetType = UNSET
    claims: Mapping[str, Any] | UnsetType = UNSET
    claims_merged: Mapping[str, Any] | UnsetType = UNSET  # into those it has; null takes one away
    authorization_details: tuple[str, ...] | UnsetType = UNSET
    exchanges: tuple[str, ...] | UnsetType = UNSET

    def said(self, of: type) -> dict[str, Any]:
        """Return what is said about fields of that record."""
        names = [field.name for field in fields(of) if hasattr(self, field.name)]
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not UNSET}


NO_CHANGES = ClientChanges()


async def change_client(
    booth: Booth,
    client_id: str,
    changes: ClientChanges,
    *,
    limits: Limits | None = None,
    issuer: str | None = None,
    version: str | None = None,
) -> ClientView:
    """Change the client; raises Missing, Ambiguous, BadInput, NotAllowed or Outdated."""

    async def changed(client: Client) -> Client:
        return await _changed(booth, client, changes, limits)

    registered = await revise_client(booth, client_id, changed, issuer=issuer, version=version)
    return view_client(booth, registered)


async def _changed(
    booth: Booth, client: Client, changes: ClientChanges, limits: Limits | None
) -> Client:
    said = changes.said(Client)
    enabled = said.pop("enabled", client.enabled)
    policy = replace(client.policy, **changes.said(ClientPolicy))
    if isinstance(changes.claims_merged, Mapping):
        policy = replace(policy, claims=merged(policy.claims, changes.claims_merged))
    policy = replace(policy, networks=networks_of(policy.networks))
    if limits is not None:
        policy = limits.added_to(policy)
    after = replace(client, **said, policy=policy)
    if enabled != client.enabled:
        after = switched(booth, after, enabled=enabled)
    if after != client:
        await _check(booth, client, after)
    return after


async def _check(booth: Booth, before: Client, after: Client) -> None:
    check_text("name", after.name)
    check_text("description", after.policy.description)
    if after.account not in (None, before.account):
        await find_account(booth, after.account)
    if after.token_lifetime is not None and not 1 <= after.token_lifetime <= LONGEST_TOKEN:
        raise BadInput(f"A token lives from 1 second to {LONGEST_TOKEN // 86_400} days.")
    grant_types(after.grant_types)
    if after.auth_methods != before.auth_methods:
        await _check_methods(booth, after)
    if len(set(after.resource_server_for)) != len(after.resource_server_for):
        raise BadInput("Name each API once.")
    for api in after.resource_server_for:
        await find_api(booth, api, issuer=after.issuer)
    if after.policy != before.policy:
        await check_policy(booth, after.policy, issuer=after.issuer)


async def _check_methods(booth: Booth, client: Client) -> None:
    if not client.auth_methods or len(set(client.auth_methods)) != len(client.auth_methods):
        raise BadInput("Name at least one way to authenticate, and each once.")
    profile = profile_of(await find_issuer(booth, client.issuer))
    for method in client.auth_methods:
        if method not in AUTH_METHODS:
            known = ", ".join(AUTH_METHODS)
            raise BadInput(f"{printable(method)} is no way to authenticate. There are: {known}.")
        if wrong := profile.what_is_wrong_with_method(method):
            raise BadInput(wrong)


def merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object that a JSON merge patch makes of another one (RFC 7396 §2)."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result
