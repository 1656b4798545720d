"""Add, list, change and remove what clients prove themselves with."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from tokenbooth.management.clients.bounds import require_no_less
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.clients.revise_client import client_event
from tokenbooth.management.errors import BadInput, Missing, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_text
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.management.versions import refuse_outdated, version_of
from tokenbooth.protocol.client_auth import BASIC
from tokenbooth.protocol.secret import Secret
from tokenbooth.server import revocations
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.new_clients import secret_credential
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import Credential, CredentialKind, Issuer, RegisteredClient

DAY = 86_400
LONGEST_VALIDITY = 100 * 365 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialView:
    """A credential as people see it: never the secret or its digest."""

    id: str
    kind: CredentialKind
    label: str
    hint: str
    status: Literal["valid", "expired"]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str | None
    replaced_by: str | None  # the id of the secret that follows it
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A secret that was just made; this is the only time it can be seen."""

    issuer: str
    client_id: str
    credential_id: str
    client_secret: Secret
    label: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """A place from which a credential is used."""

    source: str
    agent: str
    first_at: datetime
    last_at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialDetails:
    """A credential, and the latest places from which it was used."""

    credential: CredentialView
    hosts: tuple[HostView, ...]


def view_credential(booth: Booth, credential: Credential) -> CredentialView:
    """Return what people see of `credential`."""
    return CredentialView(
        id=credential.id,
        kind=credential.kind,
        label=credential.label,
        hint=credential.hint,
        status="valid" if credential.is_valid_at(booth.clock.now()) else "expired",
        created_at=moment(credential.created_at),
        expires_at=moment(credential.expires_at),
        last_used_at=moment(credential.last_used_at),
        last_used_from=credential.last_used_from,
        replaced_by=credential.replaced_by,
        version=version_of(credential),
    )


def make_secret(
    booth: Booth,
    issuer: Issuer,
    client_id: str,
    *,
    label: str = "",
    expires_in: float | None = None,
) -> tuple[Credential, NewSecret]:
    """Make a secret: the row to store, and what its owner is told once."""
    if wrong := profile_of(issuer).what_is_wrong_with_method(BASIC):
        raise BadInput(wrong)
    check_text("label", label)
    if expires_in is not None and not 0 < expires_in <= LONGEST_VALIDITY:
        raise BadInput("A secret is valid for more than 0 seconds and at most 100 years.")
    now = booth.clock.now()
    expires_at = None if expires_in is None else now + expires_in
    credential, secret = secret_credential(
        booth.secrets, issuer, client_id, now=now, label=label, expires_at=expires_at
    )
    told = NewSecret(
        issuer=issuer.name,
        client_id=client_id,
        credential_id=credential.id,
        client_secret=secret,
        label=label,
        expires_at=moment(expires_at),
    )
    return credential, told


async def add_secret(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    label: str = "",
    expires_in: float | None = None,
) -> NewSecret:
    """Give the client one more secret; those it has stay as they are."""
    client = (await find_own(booth, client_id, issuer=issuer)).client
    owner = await find_issuer(booth, client.issuer)
    credential, told = make_secret(
        booth, owner, client.client_id, label=label, expires_in=expires_in
    )
    added = client_event(
        booth,
        "credential_added",
        client,
        subject=credential.id,
        kind="secret",
        label=label,
        expires_at=credential.expires_at,
    )
    await booth.store.add_credential(credential, audit=[added])
    return told


async def find_own(booth: Booth, client_id: str, *, issuer: str | None = None) -> RegisteredClient:
    """Return the client whose credentials whoever acts may change; raises NotAllowed, Missing."""
    require(booth, "credentials:write")
    registered = await find_client(booth, client_id, issuer=issuer)
    require_no_less(booth, registered.client)
    return registered


async def list_credentials(
    booth: Booth, client_id: str, *, issuer: str | None = None
) -> tuple[CredentialView, ...]:
    """Return the client's credentials, oldest first."""
    require(booth, "clients:read")
    registered = await find_client(booth, client_id, issuer=issuer)
    return tuple(view_credential(booth, each) for each in registered.credentials)


async def show_credential(
    booth: Booth, client_id: str, credential_id: str, *, issuer: str | None = None
) -> CredentialDetails:
    """Return one credential, and from where it is used."""
    require(booth, "clients:read")
    registered = await find_client(booth, client_id, issuer=issuer)
    credential = credential_of(registered, credential_id)
    return CredentialDetails(
        credential=view_credential(booth, credential),
        hosts=(await list_hosts(booth, registered)).get(credential_id, ()),
    )


async def list_hosts(booth: Booth, registered: RegisteredClient) -> dict[str, tuple[HostView, ...]]:
    """Return by credential from where the client calls, the latest first."""
    client = registered.client
    found: dict[str, tuple[HostView, ...]] = {}
    for host in await booth.store.list_hosts(client.issuer, client.client_id):
        view = HostView(
            source=host.source,
            agent=host.agent,
            first_at=moment(host.first_at),
            last_at=moment(host.last_at),
            count=host.count,
        )
        found[host.credential_id] = (*found.get(host.credential_id, ()), view)
    return found


async def change_credential(
    booth: Booth,
    client_id: str,
    credential_id: str,
    *,
    label: str | UnsetType = UNSET,
    expires_at: float | UnsetType | None = UNSET,
    issuer: str | None = None,
    version: str | None = None,
) -> CredentialView:
    """Give the credential another label or another end, in seconds since 1970; None: no end."""

    async def attempt() -> CredentialView:
        registered = await find_own(booth, client_id, issuer=issuer)
        before = credential_of(registered, credential_id)
        refuse_outdated(before, version)
        after = before
        if not isinstance(label, UnsetType):
            check_text("label", label)
            after = replace(after, label=label)
        if not isinstance(expires_at, UnsetType):
            _check_end(booth, expires_at)
            # Whoever says when it ends takes it out of its rotation.
            after = replace(_alone(after), expires_at=expires_at)
        if after != before:
            changed = client_event(
                booth,
                "credential_changed",
                registered.client,
                subject=credential_id,
                label=[before.label, after.label],
                expires_at=[before.expires_at, after.expires_at],
            )
            await booth.store.replace_credential(after, seen=before, audit=[changed])
        return view_credential(booth, after)

    return await revise(attempt)


def _alone(credential: Credential) -> Credential:
    """Return a credential of no rotation; it ends when it was last to end."""
    return replace(credential, replaced_by=None, former_expires_at=None)


def _check_end(booth: Booth, expires_at: float | None) -> None:
    if expires_at is not None and not 0 < expires_at - booth.clock.now() <= LONGEST_VALIDITY:
        raise BadInput("A credential ends in the future, and within 100 years.")


async def remove_credential(
    booth: Booth,
    client_id: str,
    credential_id: str,
    *,
    issuer: str | None = None,
    revoke_tokens: bool = False,
    version: str | None = None,
) -> tuple[CredentialView, ...]:
    """Remove a credential at once, and return those that are left.

    With `revoke_tokens` every token that it was ever used to get ends as well.
    """

    async def attempt() -> tuple[CredentialView, ...]:
        registered = await find_own(booth, client_id, issuer=issuer)
        removed = credential_of(registered, credential_id)
        refuse_outdated(removed, version)
        revoking = revocations.of_removed_credentials([removed], booth.clock.now())
        event = client_event(
            booth,
            "credential_removed",
            registered.client,
            subject=credential_id,
            label=removed.label,
            tokens_revoked=revoke_tokens,
        )
        left = [
            _alone(each) if each.replaced_by == credential_id else each
            for each in registered.credentials
            if each.id != credential_id
        ]
        together = booth.store.together()
        await together.delete_credential(
            removed.issuer,
            removed.client_id,
            removed.id,
            seen=removed,
            revoking=revoking if revoke_tokens else (),
            audit=[event],
        )
        for after in left:
            before = credential_of(registered, after.id)
            if after != before:
                await together.replace_credential(after, seen=before)
        await together.commit()
        return tuple(view_credential(booth, each) for each in left)

    return await revise(attempt)


async def revoke_credential_tokens(
    booth: Booth,
    client_id: str,
    credential_id: str,
    *,
    issuer: str | None = None,
    version: str | None = None,
) -> CredentialView:
    """End every token that the credential was used to get so far; it stays valid itself."""
    registered = await find_own(booth, client_id, issuer=issuer)
    credential = credential_of(registered, credential_id)
    refuse_outdated(credential, version)
    await booth.store.revoke(
        [revocations.of_credential(credential, booth.clock.now())],
        audit=[
            client_event(
                booth, "credential_tokens_revoked", registered.client, subject=credential_id
            )
        ],
    )
    return view_credential(booth, credential)


def credential_of(registered: RegisteredClient, credential_id: str) -> Credential:
    """Return the client's credential of that id; raises Missing."""
    for each in registered.credentials:
        if each.id == credential_id:
            return each
    ids = [each.id for each in registered.credentials]
    where = f" of the client {registered.client.client_id!r}"
    raise Missing(no_such("credential", credential_id, ids, where=where))
