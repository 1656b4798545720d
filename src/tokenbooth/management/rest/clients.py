"""/clients: register, show, disable and delete clients, and say what they may call."""

from dataclasses import MISSING, fields
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from tokenbooth.management.clients import access
from tokenbooth.management.clients import clients as management
from tokenbooth.management.clients.client_changes import ClientChanges, change_client
from tokenbooth.management.clients.clients import ClientView
from tokenbooth.management.clients.limits import MOST_NETWORKS, MOST_TOKENS, networks_of
from tokenbooth.management.clients.proofs import NewProof
from tokenbooth.management.clients.public_keys import key_place, read_keys
from tokenbooth.management.clients.requests import USUAL_GRANTS, grant_types
from tokenbooth.management.errors import BadInput
from tokenbooth.management.rest.access import BoothHere, KeeperHere, require
from tokenbooth.management.rest.bodies import Body, OneIssuer, OnlyIssuer, Scopes, Text
from tokenbooth.management.rest.conditions import EditedAs, LookedAt
from tokenbooth.management.rest.locations import located
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.management.service.issuers import LONGEST_TOKEN
from tokenbooth.server.records import DEFAULT_ISSUER, Client, ClientPolicy, TokenFormat

router = APIRouter(prefix="/clients", tags=["clients"])


class NewClient(Body):
    """A client to register; without a key it gets a secret."""

    client_id: str | None = Field(default=None, description="Left out: made up.")
    name: Text = ""
    description: Text = ""
    issuer: str = DEFAULT_ISSUER
    account: str | None = Field(default=None, description="The customer that owns it.")
    apis: list[str] = Field(default=[], max_length=100, description="The first is its default.")
    scopes: Scopes | None = Field(default=None, description="Left out: all of its APIs'.")
    resource_server_for: list[str] = Field(
        default=[], max_length=100, description="APIs whose tokens it may introspect."
    )
    auth_methods: Annotated[list[str], Field(max_length=20)] | None = None
    grant_types: Annotated[list[str], Field(max_length=20)] | None = None
    token_format: TokenFormat | None = None
    token_lifetime: Annotated[int, Field(ge=1, le=LONGEST_TOKEN)] | None = None
    refresh_tokens: bool | None = None
    dpop_bound: bool = False
    networks: list[str] = Field(default=[], max_length=MOST_NETWORKS)
    jwks: dict[str, Any] | None = Field(default=None, description="Its public keys (RFC 7517).")
    jwks_uri: str | None = Field(default=None, description="Where it publishes them.")
    label: Text = ""


class RegisteredOnce(BaseModel):
    """A client that was just registered. Its secret is shown this once."""

    client: ClientView
    client_secret: str | None
    credential_id: str
    issuer_url: str
    token_endpoint: str


class ChangedClient(Body):
    """What to change (RFC 7396): what is left out stays, null is what a new client has."""

    name: Text | None = None
    description: Text | None = None
    account: str | None = Field(default=None, description="Who owns it; null: nobody.")
    enabled: bool | None = None
    auth_methods: Annotated[list[str], Field(max_length=20)] | None = None
    grant_types: Annotated[list[str], Field(max_length=20)] | None = None
    resource_server_for: Annotated[list[str], Field(max_length=100)] | None = None
    token_format: TokenFormat | None = Field(default=None, description="null: the issuer's.")
    token_lifetime: Annotated[int, Field(ge=1, le=LONGEST_TOKEN)] | None = None
    refresh_tokens: bool | None = None
    dpop_bound: bool | None = None
    dpop_nonce: bool | None = None
    certificate_bound: bool | None = None
    networks: Annotated[list[str], Field(max_length=MOST_NETWORKS)] | None = None
    networks_observe: bool | None = None
    quota_per_hour: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    quota_observe: bool | None = None
    claims: dict[str, Any] | None = Field(
        default=None, description="Merged into those it has; a claim that is null is taken away."
    )
    authorization_details: Annotated[list[str], Field(max_length=100)] | None = None
    exchanges: Annotated[list[str], Field(max_length=100)] | None = None

    def changes(self) -> ClientChanges:
        """Return what is said."""
        said: dict[str, Any] = {}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if name == "claims" and value is not None:
                said["claims_merged"] = value
            elif value is None:
                said[name] = _of_new_client(name)
            else:
                said[name] = tuple(value) if isinstance(value, list) else value
        if "grant_types" in said:
            said["grant_types"] = grant_types(said["grant_types"])
        return ClientChanges(**said)


def _of_new_client(name: str) -> object:
    for record in (Client, ClientPolicy):
        for field in fields(record):
            if field.name == name:
                made = field.default_factory
                return field.default if made is MISSING else made()
    raise AssertionError(name)  # a member that is no field of a client is a mistake of ours


class Granted(Body):
    """What a client may have of an API."""

    scopes: Scopes | None = Field(default=None, description="Left out: all of the API's.")


def proofs_of(jwks: dict[str, Any] | None, jwks_uri: str | None) -> list[NewProof]:
    """Return the public keys of a body; raises BadInput."""
    proofs = [] if jwks_uri is None else [key_place(jwks_uri)]
    if jwks is not None:
        given = read_keys(msgspec.json.encode(jwks).decode())
        if given.had_private_part:
            raise BadInput("Send the public part of the key alone; this one has been given away.")
        proofs += given.proofs
    return proofs


@router.get("", dependencies=[require("clients:read")], responses=responses(404))
async def list_clients(
    booth: BoothHere,
    asked: Asked,
    issuer: OnlyIssuer = None,
    account: Annotated[str | None, Query(description="Only this account's.")] = None,
) -> Page[ClientView]:
    """List clients by issuer and id."""
    after = asked.after(2)
    found = await management.list_clients(
        booth,
        issuer=issuer,
        account=account,
        after=None if after is None else (after[0], after[1]),
        limit=asked.limit + 1,
    )
    return asked.page(found, lambda each: (each.issuer, each.client_id))


@router.post(
    "",
    status_code=201,
    dependencies=[require("clients:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def create_client(
    booth: BoothHere, keeper: KeeperHere, body: NewClient, response: Response
) -> RegisteredOnce:
    """Register a client; its secret, if it gets one, is in this answer alone."""
    for api in body.apis:
        keeper.check_access(body.issuer, api, body.scopes)
    made = await management.create_client(
        booth,
        apis=body.apis,
        scope=None if body.scopes is None else " ".join(body.scopes),
        client_id=body.client_id,
        name=body.name,
        issuer=body.issuer,
        account=body.account,
        resource_server_for=body.resource_server_for,
        auth_methods=body.auth_methods,
        proofs=proofs_of(body.jwks, body.jwks_uri),
        grants=USUAL_GRANTS if body.grant_types is None else grant_types(body.grant_types),
        token_format=body.token_format,
        token_lifetime=body.token_lifetime,
        refresh_tokens=body.refresh_tokens,
        policy=ClientPolicy(
            dpop_bound=body.dpop_bound,
            description=body.description,
            networks=networks_of(body.networks),
        ),
        label=body.label,
    )
    located(response, "clients", made.client.client_id, issuer=made.client.issuer)
    return RegisteredOnce(
        client=made.client,
        client_secret=None if made.secret is None else made.secret.client_secret.reveal(),
        credential_id=made.client.credentials[0].id,
        issuer_url=made.issuer_url,
        token_endpoint=made.token_endpoint,
    )


@router.get("/{client_id}", dependencies=[require("clients:read")], responses=responses(404))
async def show_client(
    booth: BoothHere, looked: LookedAt, client_id: str, issuer: OneIssuer = None
) -> ClientView:
    """Show a client and its credentials; never a secret."""
    client = await management.show_client(booth, client_id, issuer=issuer)
    looked.tag(client.version)
    return client


@router.patch(
    "/{client_id}",
    dependencies=[require("clients:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def patch_client(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    body: ChangedClient,
    issuer: OneIssuer = None,
) -> ClientView:
    """Change what is said about a client, all at once, by a merge patch (RFC 7396)."""
    client = await keeper.check_client(client_id, issuer)
    changed = await change_client(
        booth, client_id, body.changes(), issuer=client.issuer, version=edited.version
    )
    edited.tag(changed.version)
    return changed


@router.delete(
    "/{client_id}",
    status_code=204,
    dependencies=[require("clients:write")],
    responses=responses(404, 409),
)
async def delete_client(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    issuer: OneIssuer = None,
    force: Annotated[bool, Query(description="Even if it is enabled.")] = False,  # noqa: FBT002 - a parameter of the URL
) -> None:
    """Delete a disabled client with all its credentials, and end its tokens."""
    client = await keeper.check_client(client_id, issuer)
    await management.delete_client(
        booth, client_id, issuer=client.issuer, force=force, version=edited.version
    )


@router.post(
    "/{client_id}/disable", dependencies=[require("clients:write")], responses=responses(404)
)
async def disable_client(
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    issuer: OneIssuer = None,
) -> ClientView:
    """Refuse a client from now on, and end its tokens for good."""
    client = await keeper.check_client(client_id, issuer)
    changed = await management.set_enabled(
        booth, client_id, enabled=False, issuer=client.issuer, version=edited.version
    )
    edited.tag(changed.version)
    return changed


@router.post(
    "/{client_id}/enable", dependencies=[require("clients:write")], responses=responses(404)
)
async def enable_client(
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    issuer: OneIssuer = None,
) -> ClientView:
    """Let a disabled client authenticate again."""
    client = await keeper.check_client(client_id, issuer)
    changed = await management.set_enabled(
        booth, client_id, enabled=True, issuer=client.issuer, version=edited.version
    )
    edited.tag(changed.version)
    return changed


@router.post(
    "/{client_id}/revoke-tokens", dependencies=[require("clients:write")], responses=responses(404)
)
async def revoke_client_tokens(
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    issuer: OneIssuer = None,
) -> ClientView:
    """End every token that a client got so far; it may go on getting new ones."""
    client = await keeper.check_client(client_id, issuer)
    changed = await management.revoke_tokens(
        booth, client_id, issuer=client.issuer, version=edited.version
    )
    edited.tag(changed.version)
    return changed


@router.put(
    "/{client_id}/access/{api}",
    dependencies=[require("clients:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def grant_access(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    api: str,
    body: Granted,
    issuer: OneIssuer = None,
) -> ClientView:
    """Let a client have these scopes of an API, in place of what it had of it."""
    client = await keeper.check_client(client_id, issuer)
    keeper.check_access(client.issuer, api, body.scopes)
    scope = None if body.scopes is None else " ".join(body.scopes)
    changed = await access.grant(
        booth, client_id, api=api, scope=scope, issuer=client.issuer, version=edited.version
    )
    edited.tag(changed.version)
    return changed


@router.delete(
    "/{client_id}/access/{api}",
    status_code=204,
    dependencies=[require("clients:write")],
    responses=responses(404),
)
async def withdraw_access(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    edited: EditedAs,
    client_id: str,
    api: str,
    issuer: OneIssuer = None,
) -> None:
    """Take all access to an API away from a client."""
    client = await keeper.check_client(client_id, issuer)
    await access.withdraw(booth, client_id, api=api, issuer=client.issuer, version=edited.version)
