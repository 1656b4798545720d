"""What has to be done so that what is there becomes what is wanted. Compares only, does nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import msgspec

from tokenbooth.management.clients.proofs import needs_secret
from tokenbooth.management.configuration.resolving import MANAGEMENT
from tokenbooth.management.configuration.wanted import (
    Name,
    State,
    Wanted,
    WantedClient,
    WantedCredential,
)
from tokenbooth.server.records import (
    Account,
    Api,
    Client,
    Credential,
    Issuer,
    RegisteredClient,
)

Action = Literal["create", "change", "delete"]
StepKind = Literal["account", "issuer", "api", "client", "credential"]
Record = Account | Issuer | Api | Client | Credential

DEMO_AUDIENCE = "urn:tokenbooth:demo:"
_NOT_SHOWN = ("created_at", "updated_at", "issuer", "client_id", "tag")
_NOT_SAID = ("disabled_by", "registration")  # what no file says of a client
_MOMENT = 1.0  # seconds: TOML and people round


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that changes; values as JSON."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that is made, changed or deleted."""

    action: Action
    kind: StepKind
    issuer: str | None
    name: str
    differences: tuple[Difference, ...] = ()
    client_id: str | None = None  # of a credential
    client: Client | None = None  # whose credential it is
    before: Record | None = None
    after: Record | WantedCredential | None = None
    credentials: tuple[Credential, ...] = ()  # that a deleted client has


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All steps, in the order in which they are shown."""

    steps: tuple[Step, ...]
    unchanged: int

    def count(self, action: Action) -> int:
        """Return how many steps do that."""
        return sum(step.action == action for step in self.steps)


def without_secret(plan: Plan) -> tuple[Client, ...]:
    """Return the new clients that need a secret, and that no file brought one."""
    have = {(step.issuer, step.client_id) for step in plan.steps if step.kind == "credential"}
    return tuple(
        step.after
        for step in plan.steps
        if isinstance(step.after, Client)
        and step.before is None
        and needs_secret(step.after.auth_methods)
        and (step.issuer, step.name) not in have
    )


def make_plan(wanted: Wanted, state: State, *, prune: bool = False) -> Plan:
    """Compare; with `prune`, delete what the issuers that are named have besides."""
    steps: list[Step] = []
    unchanged = 0
    for pairs in (
        _compared("account", wanted.accounts, state.accounts),
        _compared("issuer", wanted.issuers, state.issuers),
        _compared("api", wanted.apis, state.apis),
        _compared_clients(wanted.clients, state.clients, prune=prune),
    ):
        for step in pairs:
            if step is None:
                unchanged += 1
            else:
                steps.append(step)
    if prune:
        steps += _pruned(wanted, state)
    return Plan(steps=tuple(steps), unchanged=unchanged)


def _compared(
    kind: StepKind, wanted: Mapping[Any, Record], current: Mapping[Any, Record]
) -> Iterator[Step | None]:
    for key, after in wanted.items():
        yield _step(kind, key, current.get(key), after)


def _step(kind: StepKind, key: str | Name, before: Record | None, after: Record) -> Step | None:
    if before is not None and (before == after or not differences(before, after)):
        return None
    issuer, name = key if isinstance(key, tuple) else (None, key)
    return Step(
        action="create" if before is None else "change",
        kind=kind,
        issuer=issuer,
        name=name,
        differences=differences(before, after),
        before=before,
        after=after,
    )


def _compared_clients(
    wanted: Mapping[Name, WantedClient], current: Mapping[Name, RegisteredClient], *, prune: bool
) -> Iterator[Step | None]:
    for pair, client in wanted.items():
        registered = current.get(pair)
        yield _step("client", pair, registered.client if registered else None, client.client)
        had = registered.credentials if registered else ()
        yield from _compared_credentials(client, had, prune=prune)


def _compared_credentials(
    client: WantedClient, current: Sequence[Credential], *, prune: bool
) -> Iterator[Step]:
    left = list(current)
    for wanted in client.credentials:
        # The one of the same label first: a client may have the same thing twice.
        like = sorted(
            (each for each in left if wanted.is_like(each)),
            key=lambda each: wanted.label is not None and each.label != wanted.label,
        )
        if not like:
            yield _credential_step("create", client, wanted=wanted)
            continue
        left.remove(like[0])
        changed = _as_wanted(like[0], wanted)
        if changed != like[0]:
            yield _credential_step("change", client, before=like[0], after=changed)
    if prune:
        # A file that brings no secret leaves those alone that people handed out.
        brings_secrets = any(each.kind == "secret" for each in client.credentials)
        rotating = {each.replaced_by for each in current}
        for each in left:
            if each.replaced_by is not None or each.id in rotating:
                continue  # somebody is about to finish that
            if each.kind != "secret" or brings_secrets:
                yield _credential_step("delete", client, before=each)


def _as_wanted(credential: Credential, wanted: WantedCredential) -> Credential:
    if wanted.label is not None:
        credential = replace(credential, label=wanted.label)
    old, new = credential.expires_at, wanted.expires_at
    is_same = old == new or (old is not None and new is not None and abs(old - new) < _MOMENT)
    if wanted.is_expiry_said and not is_same:
        credential = replace(credential, expires_at=new)
    return credential


def _credential_step(
    action: Action,
    client: WantedClient,
    *,
    wanted: WantedCredential | None = None,
    before: Credential | None = None,
    after: Credential | None = None,
) -> Step:
    shown = wanted or after or before
    name = shown_credential(shown) if shown is not None else ""
    changes = (
        tuple(
            Difference(field=field, old=getattr(before, field), new=getattr(after, field))
            for field in ("label", "expires_at")
            if getattr(before, field) != getattr(after, field)
        )
        if before is not None and after is not None
        else ()
    )
    return Step(
        action=action,
        kind="credential",
        issuer=client.client.issuer,
        name=name,
        client_id=client.client.client_id,
        client=client.client,
        differences=changes,
        before=before,
        after=after or wanted,
    )


def shown_credential(credential: Credential | WantedCredential) -> str:
    """Return a credential in words: its kind, its hint and its label."""
    hint = f" …{credential.hint[-12:]}" if credential.hint else ""
    label = f" ({credential.label})" if credential.label else ""
    return f"{credential.kind}{hint}{label}"


def _pruned(wanted: Wanted, state: State) -> Iterator[Step]:
    own = {
        pair
        for pair, api in state.apis.items()
        if pair == MANAGEMENT or api.audience.startswith(DEMO_AUDIENCE)
    }
    for pair, registered in state.clients.items():
        client = registered.client
        if pair in wanted.clients or client.issuer not in wanted.issuers:
            continue
        if not is_prunable(client, own):
            continue
        yield Step(
            action="delete",
            kind="client",
            issuer=client.issuer,
            name=client.client_id,
            before=client,
            credentials=registered.credentials,
        )
    for pair, api in state.apis.items():
        if pair in wanted.apis or pair in own or api.issuer not in wanted.issuers:
            continue
        yield Step(action="delete", kind="api", issuer=api.issuer, name=api.name, before=api)


def is_prunable(client: Client, own: set[Name]) -> bool:
    """Whether a file that does not name the client may be meant to delete it.

    Customers' clients, those that registered themselves, and whatever works for the service
    itself come and go without a file.
    """
    apis = (*(each.api for each in client.access), *client.resource_server_for)
    return (
        client.account is None
        and client.policy.registration is None
        and not any((client.issuer, api) in own for api in apis)
    )


def differences(before: Record | None, after: Record) -> tuple[Difference, ...]:
    """Return the fields that differ; of something new, those that are not empty."""
    new = shown_fields(after)
    if before is None:
        return tuple(
            Difference(field=name, old=None, new=value)
            for name, value in new.items()
            if value not in (None, "", (), [], {}, False)
        )
    old = shown_fields(before)
    return tuple(
        Difference(field=name, old=old.get(name), new=value)
        for name, value in new.items()
        if _canonical(name, old.get(name)) != _canonical(name, value)
    )


def shown_fields(record: Record) -> dict[str, Any]:
    """Return what people may change of a record, its policy's fields among them, as JSON."""
    shown: dict[str, Any] = {}
    for each in fields(record):
        if each.name in _NOT_SHOWN:
            continue
        if each.name == "name" and not isinstance(record, Client):
            continue
        value = getattr(record, each.name)
        if each.name == "policy":
            shown |= {
                part.name: _as_json(getattr(value, part.name))
                for part in fields(value)
                if part.name not in _NOT_SAID
            }
        elif isinstance(record, Api) and each.name == "scopes":
            shown["scopes"] = {scope.name: scope.description for scope in record.scopes}
        else:
            shown[each.name] = _as_json(value)
    return shown


def _as_json(value: object) -> Any:  # noqa: ANN401 - JSON
    return msgspec.to_builtins(value)


def _canonical(name: str, value: object) -> bytes:
    # As JSON, where true is not 1. The order of scopes is shown to people; that of claims is not.
    return msgspec.json.encode(value, order=None if name == "scopes" else "deterministic")
