"""/clients/…/credentials: add, rotate, list and remove what clients prove themselves with."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from msgspec import UNSET
from pydantic import BaseModel, Field

from tokenbooth.management.clients import credentials as management
from tokenbooth.management.clients import rotation as rotating
from tokenbooth.management.clients.credentials import (
    DAY,
    LONGEST_VALIDITY,
    CredentialDetails,
    CredentialView,
    NewSecret,
)
from tokenbooth.management.errors import BadInput
from tokenbooth.management.rest.access import BoothHere, KeeperHere, require
from tokenbooth.management.rest.bodies import Body, OneIssuer, Text
from tokenbooth.management.rest.conditions import EditedAs, LookedAt
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses

router = APIRouter(prefix="/clients/{client_id}/credentials", tags=["credentials"])

Seconds = Annotated[int, Field(ge=1, le=LONGEST_VALIDITY, description="Seconds.")]


class AnotherSecret(Body):
    """A secret to make beside those that the client has."""

    label: Text = ""
    expires_in: Seconds | None = None


class ChangedCredential(Body):
    """What to change (RFC 7396): what is left out stays, null is no label or no end."""

    label: Text | None = None
    expires_at: str | None = Field(
        default=None,
        max_length=40,
        json_schema_extra={"format": "date-time"},
        description="When it ends, like 2027-01-31T12:00:00Z.",
    )

    def end(self) -> float | None:
        """Return when it ends, in seconds since 1970; raises BadInput."""
        if self.expires_at is None:
            return None
        try:
            moment = datetime.fromisoformat(self.expires_at)
        except ValueError as error:
            raise BadInput("Write expires_at like 2027-01-31T12:00:00Z.") from error
        if moment.tzinfo is None:
            raise BadInput("Say in which time zone expires_at is: end it with Z for UTC.")
        return moment.timestamp()


class RotatedSecret(Body):
    """How a secret is followed by another one."""

    overlap: Annotated[int, Field(ge=0, le=LONGEST_VALIDITY)] = Field(
        default=DAY, description="Seconds for which the older secrets stay good."
    )
    label: Text = ""


class SecretOnce(BaseModel):
    """A secret that was just made. It is shown this once."""

    issuer: str
    client_id: str
    credential_id: str
    client_secret: str
    label: str
    expires_at: datetime | None


class RotatedOnce(BaseModel):
    """The new secret, shown this once, and the older ones that end with the overlap."""

    new: SecretOnce
    ending: list[CredentialView]


@router.get("", dependencies=[require("clients:read")], responses=responses(404))
async def list_credentials(
    booth: BoothHere, asked: Asked, client_id: str, issuer: OneIssuer = None
) -> Page[CredentialView]:
    """List a client's credentials, oldest first; never a secret."""
    return asked.part(
        await management.list_credentials(booth, client_id, issuer=issuer),
        lambda each: (each.created_at.isoformat(), each.id),
    )


@router.post(
    "",
    status_code=201,
    dependencies=[require("credentials:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def add_secret(
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    body: AnotherSecret,
    issuer: OneIssuer = None,
) -> SecretOnce:
    """Give a client one more secret, which is in this answer alone."""
    client = await keeper.check_client(client_id, issuer)
    return _once(
        await management.add_secret(
            booth, client_id, issuer=client.issuer, label=body.label, expires_in=body.expires_in
        )
    )


@router.post(
    "/rotate",
    status_code=201,
    dependencies=[require("credentials:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def rotate_secret(
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    body: RotatedSecret,
    issuer: OneIssuer = None,
) -> RotatedOnce:
    """Make a new secret, and let the older ones end after the overlap."""
    client = await keeper.check_client(client_id, issuer)
    rotation = await rotating.rotate_secret(
        booth, client_id, issuer=client.issuer, overlap=body.overlap, label=body.label
    )
    return RotatedOnce(new=_once(rotation.new), ending=list(rotation.ending))


@router.get("/{credential_id}", dependencies=[require("clients:read")], responses=responses(404))
async def show_credential(
    booth: BoothHere,
    looked: LookedAt,
    client_id: str,
    credential_id: str,
    issuer: OneIssuer = None,
) -> CredentialDetails:
    """Show a credential, and the latest places from which it was used."""
    found = await management.show_credential(booth, client_id, credential_id, issuer=issuer)
    looked.tag(found.credential.version)
    return found


@router.patch(
    "/{credential_id}",
    dependencies=[require("credentials:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def patch_credential(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    credential_id: str,
    body: ChangedCredential,
    issuer: OneIssuer = None,
) -> CredentialView:
    """Change the label or the end of a credential, by a merge patch (RFC 7396)."""
    client = await keeper.check_client(client_id, issuer)
    said = body.model_fields_set
    changed = await management.change_credential(
        booth,
        client_id,
        credential_id,
        label=(body.label or "") if "label" in said else UNSET,
        expires_at=body.end() if "expires_at" in said else UNSET,
        issuer=client.issuer,
        version=edited.version,
    )
    edited.tag(changed.version)
    return changed


@router.delete(
    "/{credential_id}",
    status_code=204,
    dependencies=[require("credentials:write")],
    responses=responses(404),
)
async def remove_credential(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    credential_id: str,
    issuer: OneIssuer = None,
    revoke_tokens: Annotated[  # noqa: FBT002 - a parameter of the URL
        bool, Query(description="End what it was used to get, too.")
    ] = False,
) -> None:
    """Remove a credential at once."""
    client = await keeper.check_client(client_id, issuer)
    await management.remove_credential(
        booth,
        client_id,
        credential_id,
        issuer=client.issuer,
        revoke_tokens=revoke_tokens,
        version=edited.version,
    )


@router.post(
    "/{credential_id}/revoke-tokens",
    dependencies=[require("credentials:write")],
    responses=responses(404),
)
async def revoke_credential_tokens(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    credential_id: str,
    issuer: OneIssuer = None,
) -> CredentialView:
    """End every token that a credential was used to get so far; it stays valid itself."""
    client = await keeper.check_client(client_id, issuer)
    found = await management.revoke_credential_tokens(
        booth, client_id, credential_id, issuer=client.issuer, version=edited.version
    )
    edited.tag(found.version)
    return found


def _once(made: NewSecret) -> SecretOnce:
    return SecretOnce(
        issuer=made.issuer,
        client_id=made.client_id,
        credential_id=made.credential_id,
        client_secret=made.client_secret.reveal(),
        label=made.label,
        expires_at=made.expires_at,
    )
