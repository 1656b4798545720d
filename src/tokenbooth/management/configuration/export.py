"""Write what is there as a configuration file, without any secret."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import msgspec

from tokenbooth.management.configuration.resolving import MANAGEMENT
from tokenbooth.management.configuration.toml_writer import can_hold, comment, table
from tokenbooth.management.configuration.wanted import State
from tokenbooth.protocol.certificate import SUBJECT_KINDS
from tokenbooth.server.federation import StoredTrust
from tokenbooth.server.records import (
    Account,
    Api,
    Client,
    ClientPolicy,
    Credential,
    Issuer,
    RegisteredClient,
)

_END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_SUB = "sub="
_USUAL = Client(issuer="", client_id="", created_at=0, updated_at=0)
# What a file says of a client besides its ways to authenticate; left out where it is as usual.
_OF_CLIENT = (
    "name",
    "account",
    "enabled",
    "resource_server_for",
    "token_format",
    "token_lifetime",
    "refresh_tokens",
)
_OF_POLICY = (
    "description",
    "dpop_bound",
    "dpop_nonce",
    "certificate_bound",
    "networks",
    "networks_observe",
    "quota_per_hour",
    "quota_observe",
    "claims",
    "authorization_details",
    "exchanges",
)


def written(state: State, *, opening: str = "") -> str:
    """Return the file; `opening` is a comment at its head."""
    parts = [comment(opening)] if opening else []
    parts += [_account(account) for account in state.accounts.values()]
    for issuer in state.issuers.values():
        parts.append(_issuer(issuer))
        parts += [
            _api(api)
            for pair, api in state.apis.items()
            if api.issuer == issuer.name and pair != MANAGEMENT
        ]
        parts += [
            _client(registered)
            for registered in state.clients.values()
            # Those that registered themselves do so again, wherever they need to.
            if registered.client.issuer == issuer.name
            and registered.client.policy.registration is None
        ]
    return "\n".join(parts)


def _account(account: Account) -> str:
    return table(("accounts", account.name), {"title": account.title})


def _issuer(issuer: Issuer) -> str:
    policy = issuer.policy
    members = {
        "url": issuer.url,
        "dialect": issuer.dialect,
        "token_format": issuer.token_format,
        "token_lifetime": issuer.token_lifetime,
        "refresh_tokens": issuer.refresh_tokens,
        "refresh_lifetime": issuer.refresh_lifetime,
        "alg": issuer.alg,
        "profile": policy.profile,
        "dpop_nonce": policy.dpop_nonce,
        "distrusted_issuers": policy.distrusted_issuers,
        "key_lifetime_days": policy.key_lifetime_days,
        "key_publish_ahead": policy.key_publish_ahead,
    }
    return table(("issuers", issuer.name), _without_nothing(members))


def _api(api: Api) -> str:
    members: dict[str, Any] = {
        "audience": api.audience,
        "scopes": {scope.name: scope.description for scope in api.scopes},
        "self_service": api.self_service,
    }
    if api.policy.claims:
        members["claims"] = _claims(api.policy.claims)
    if api.policy.authorization_details:
        members["authorization_details"] = [
            _without_nothing({each.name: getattr(kind, each.name) for each in fields(kind)})
            for kind in api.policy.authorization_details
        ]
    return table(("issuers", api.issuer, "apis", api.name), members)


def _client(registered: RegisteredClient) -> str:
    client = registered.client
    path = ("issuers", client.issuer, "clients", client.client_id)
    members = {
        name: getattr(client, name)
        for name in _OF_CLIENT
        if getattr(client, name) != getattr(_USUAL, name)
    }
    members["access"] = [{"api": access.api, "scopes": access.scopes} for access in client.access]
    members["auth_methods"] = client.auth_methods
    members["grant_types"] = client.grant_types
    usual = ClientPolicy()
    members |= {
        name: _claims(said) if name == "claims" else said
        for name in _OF_POLICY
        if (said := getattr(client.policy, name)) != getattr(usual, name)
    }
    text = table(path, members)
    # By what they say: ids are made up, and made anew wherever the file is applied.
    credentials = sorted(
        registered.credentials, key=lambda each: (each.kind, each.label, each.data)
    )
    secrets = [each for each in credentials if each.kind == "secret"]
    if secrets:
        named = ", ".join(_shown(each) for each in secrets)
        text += comment(
            f"Its secrets are in no file: {named}. To bring one along, add:\n"
            '[[….credentials]] secret = "env:NAME"'
        )
    for credential in credentials:
        said = _credential(credential)
        if said is not None:
            text += table((*path, "credentials"), said, is_listed=True)
        elif credential.kind != "secret":
            text += comment(f"The credential {credential.id} cannot be written into a file.")
    return text


def _shown(credential: Credential) -> str:
    return f"…{credential.hint} {credential.label}".strip() if credential.hint else credential.id


def _credential(credential: Credential) -> dict[str, Any] | None:
    kind = _kind(credential)
    if kind is None:
        return None
    members: dict[str, Any] = {"label": credential.label} if credential.label else {}
    members |= kind
    if credential.expires_at is not None and credential.expires_at < _END_OF_TIME:
        members["expires_at"] = datetime.fromtimestamp(credential.expires_at, UTC)
    return members


def _kind(credential: Credential) -> dict[str, Any] | None:
    try:
        stored = msgspec.json.decode(credential.data)
    except msgspec.DecodeError:  # a secret's digest
        return None
    match credential.kind, stored:
        case "jwk", {"jwk": dict() as jwk}:
            return {"jwk": jwk}
        case "jwk", {"jwks_uri": str() as url}:
            return {"jwks_uri": url}
        case "certificate", {"certificate": str() as pem}:
            return {"certificate": pem}
        case "certificate", dict():
            return {kind: stored[kind] for kind in SUBJECT_KINDS if kind in stored} or None
        case "federated", dict():
            return _trust(msgspec.convert(stored, StoredTrust))
        case _:
            return None


def _trust(stored: StoredTrust) -> dict[str, Any]:
    audience = [] if stored.audience is None else [f"aud={stored.audience}"]
    further: dict[str, Any] = {}
    if stored.copied_claims:
        further["copied_claims"] = stored.copied_claims
    if not stored.single_use:
        further["single_use"] = False
    if stored.issuer is not None:
        further["rules"] = [*stored.rules, *audience]
        if stored.keys_at is not None:
            further["jwks_uri"] = stored.keys_at
        return {"trust": {"issuer": stored.issuer, **further}}
    first, *others = stored.rules
    if rules := [*others, *audience]:
        further["rules"] = rules
    return {
        "spiffe": {
            "id": first.removeprefix(_SUB),
            "trust_domain": stored.trust_domain,
            "bundle_endpoint": stored.keys_at,
            **further,
        }
    }


def _claims(claims: Mapping[str, Any]) -> Mapping[str, Any] | str:
    return claims if can_hold(claims) else msgspec.json.encode(claims).decode()


def _without_nothing(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: what for name, what in members.items() if what not in (None, ())}
