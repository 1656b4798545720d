"""/clients: register, show, disable and delete clients, and say what they may call."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from tokenbooth.management import access
from tokenbooth.management import clients as management
from tokenbooth.management.clients import ClientView
from tokenbooth.management.errors import BadInput
from tokenbooth.management.issuers import LONGEST_TOKEN
from tokenbooth.management.proofs import NewProof
from tokenbooth.management.public_keys import key_place, read_keys
from tokenbooth.management.requests import USUAL_GRANTS, grant_types
from tokenbooth.management.rest.access import BoothHere, KeeperHere, require
from tokenbooth.management.rest.bodies import Body, OneIssuer, OnlyIssuer, Scopes, Text
from tokenbooth.management.rest.locations import located
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.server.records import DEFAULT_ISSUER, ClientPolicy, TokenFormat

router = APIRouter(prefix="/clients", tags=["clients"])


class NewClient(Body):
    """A client to register; without a key it gets a secret."""

    client_id: str | None = Field(default=None, description="Left out: made up.")
    name: Text = ""
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
        policy=ClientPolicy(dpop_bound=body.dpop_bound),
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
async def show_client(booth: BoothHere, client_id: str, issuer: OneIssuer = None) -> ClientView:
    """Show a client and its credentials; never a secret."""
    return await management.show_client(booth, client_id, issuer=issuer)


@router.delete(
    "/{client_id}",
    status_code=204,
    dependencies=[require("clients:write")],
    responses=responses(404),
)
async def delete_client(
    booth: BoothHere, keeper: KeeperHere, client_id: str, issuer: OneIssuer = None
) -> None:
    """Delete a client with all its credentials, and end its tokens."""
    client = await keeper.check_client(client_id, issuer)
    await management.delete_client(booth, client_id, issuer=client.issuer)


@router.post(
    "/{client_id}/disable", dependencies=[require("clients:write")], responses=responses(404)
)
async def disable_client(
    booth: BoothHere, keeper: KeeperHere, client_id: str, issuer: OneIssuer = None
) -> ClientView:
    """Refuse a client from now on, and end its tokens for good."""
    client = await keeper.check_client(client_id, issuer)
    return await management.set_enabled(booth, client_id, enabled=False, issuer=client.issuer)


@router.post(
    "/{client_id}/enable", dependencies=[require("clients:write")], responses=responses(404)
)
async def enable_client(
    booth: BoothHere, keeper: KeeperHere, client_id: str, issuer: OneIssuer = None
) -> ClientView:
    """Let a disabled client authenticate again."""
    client = await keeper.check_client(client_id, issuer)
    return await management.set_enabled(booth, client_id, enabled=True, issuer=client.issuer)


@router.post(
    "/{client_id}/revoke-tokens", dependencies=[require("clients:write")], responses=responses(404)
)
async def revoke_client_tokens(
    booth: BoothHere, keeper: KeeperHere, client_id: str, issuer: OneIssuer = None
) -> ClientView:
    """End every token that a client got so far; it may go on getting new ones."""
    client = await keeper.check_client(client_id, issuer)
    return await management.revoke_tokens(booth, client_id, issuer=client.issuer)


@router.put(
    "/{client_id}/access/{api}",
    dependencies=[require("clients:write")],
    responses=responses(400, 404, 408, 413, 415),
)
async def grant_access(  # noqa: PLR0917 - FastAPI passes them by name
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    api: str,
    body: Granted,
    issuer: OneIssuer = None,
) -> ClientView:
    """Let a client have these scopes of an API, in place of what it had of it."""
    client = await keeper.check_client(client_id, issuer)
    keeper.check_access(client.issuer, api, body.scopes)
    scope = None if body.scopes is None else " ".join(body.scopes)
    return await access.grant(booth, client_id, api=api, scope=scope, issuer=client.issuer)


@router.delete(
    "/{client_id}/access/{api}",
    status_code=204,
    dependencies=[require("clients:write")],
    responses=responses(404),
)
async def withdraw_access(
    booth: BoothHere, keeper: KeeperHere, client_id: str, api: str, issuer: OneIssuer = None
) -> None:
    """Take all access to an API away from a client."""
    client = await keeper.check_client(client_id, issuer)
    await access.withdraw(booth, client_id, api=api, issuer=client.issuer)
