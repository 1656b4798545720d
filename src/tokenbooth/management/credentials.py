"""Add, rotate, list and remove what clients prove themselves with."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from tokenbooth.management.errors import BadInput, Missing, no_such
from tokenbooth.management.issuers import find_issuer
from tokenbooth.management.lookup import find_client
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_text
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
class Rotation:
    """A new secret, and the older ones that end with the overlap."""

    new: NewSecret
    ending: tuple[CredentialView, ...] = field(default=())


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
    client = (await find_client(booth, client_id, issuer=issuer)).client
    owner = await find_issuer(booth, client.issuer)
    credential, told = make_secret(
        booth, owner, client.client_id, label=label, expires_in=expires_in
    )
    await booth.store.add_credential(credential)
    return told


async def rotate_secret(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    overlap: float = DAY,
    label: str = "",
) -> Rotation:
    """Make a new secret, and let the older ones end after `overlap` seconds."""
    if not 0 <= overlap <= LONGEST_VALIDITY:
        raise BadInput("The overlap is 0 seconds to 100 years.")
    registered = await find_client(booth, client_id, issuer=issuer)
    owner = await find_issuer(booth, registered.client.issuer)
    credential, told = make_secret(booth, owner, registered.client.client_id, label=label)
    # The new one first: an interrupted rotation must never leave a client without a secret.
    await booth.store.add_credential(credential)
    end = booth.clock.now() + overlap
    ending = []
    for older in registered.credentials:
        if older.kind != "secret" or not older.is_valid_at(booth.clock.now()):
            continue
        shortened = older
        if older.expires_at is None or older.expires_at > end:
            shortened = replace(older, expires_at=end)
            await booth.store.replace_credential(shortened)
        ending.append(view_credential(booth, shortened))
    return Rotation(new=told, ending=tuple(ending))


async def list_credentials(
    booth: Booth, client_id: str, *, issuer: str | None = None
) -> tuple[CredentialView, ...]:
    """Return the client's credentials, oldest first."""
    registered = await find_client(booth, client_id, issuer=issuer)
    return tuple(view_credential(booth, each) for each in registered.credentials)


async def remove_credential(
    booth: Booth,
    client_id: str,
    credential_id: str,
    *,
    issuer: str | None = None,
    revoke_tokens: bool = False,
) -> tuple[CredentialView, ...]:
    """Remove a credential at once, and return those that are left.

    With `revoke_tokens` every token that it was ever used to get ends as well.
    """
    registered = await find_client(booth, client_id, issuer=issuer)
    removed = _credential_of(registered, credential_id)
    revoking = revocations.of_removed_credentials([removed], booth.clock.now())
    await booth.store.delete_credential(
        removed.issuer,
        removed.client_id,
        removed.id,
        revoking=revoking if revoke_tokens else (),
    )
    return tuple(
        view_credential(booth, each) for each in registered.credentials if each.id != credential_id
    )


async def revoke_credential_tokens(
    booth: Booth, client_id: str, credential_id: str, *, issuer: str | None = None
) -> CredentialView:
    """End every token that the credential was used to get so far; it stays valid itself."""
    registered = await find_client(booth, client_id, issuer=issuer)
    credential = _credential_of(registered, credential_id)
    await booth.store.revoke([revocations.of_credential(credential, booth.clock.now())])
    return view_credential(booth, credential)


def _credential_of(registered: RegisteredClient, credential_id: str) -> Credential:
    for each in registered.credentials:
        if each.id == credential_id:
            return each
    ids = [each.id for each in registered.credentials]
    where = f" of the client {registered.client.client_id!r}"
    raise Missing(no_such("credential", credential_id, ids, where=where))
