"""/clients/…/credentials: what clients prove themselves with that is no secret."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from tokenbooth.management.clients.certificates import certificate_proofs, subject_proof
from tokenbooth.management.clients.credentials import LONGEST_VALIDITY
from tokenbooth.management.clients.federation import MAX_COPIED, trusted_issuer, trusted_spiffe_id
from tokenbooth.management.clients.proofs import Added, NewProof, add_proofs
from tokenbooth.management.errors import BadInput
from tokenbooth.management.rest.access import BoothHere, KeeperHere, require
from tokenbooth.management.rest.bodies import Body, OneIssuer, Text
from tokenbooth.management.rest.clients import proofs_of
from tokenbooth.management.rest.problems import responses
from tokenbooth.protocol.certificate import SUBJECT_KINDS
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Client

router = APIRouter(prefix="/clients/{client_id}/credentials", tags=["credentials"])

Name = Annotated[str, Field(max_length=2000)]
Rules = Annotated[
    list[Name],
    Field(
        max_length=20,
        description="What such a token must say, all of it, like sub=repo:my-org/my-app:*",
    ),
]
Copied = Annotated[
    list[Name], Field(max_length=MAX_COPIED, description="Claims to copy into the client's tokens.")
]
SingleUse = Annotated[bool, Field(description="Whether such a token may be shown once alone.")]


class _NewProof(Body):
    label: Text = ""
    expires_in: Annotated[int, Field(ge=1, le=LONGEST_VALIDITY, description="Seconds.")] | None = (
        None
    )


class PublicKeys(_NewProof):
    """Public keys to add: the keys themselves, or where the client publishes them."""

    jwks: dict[str, Any] | None = Field(default=None, description="A JWK or JWKS (RFC 7517).")
    jwks_uri: str | None = None


class Certificate(_NewProof):
    """Exactly one: a self-signed certificate, or a name in those that an authority issued."""

    certificate: str | None = Field(
        default=None, max_length=32_768, description="PEM, or a JWK or JWKS with x5c as text."
    )
    subject_dn: Name | None = Field(default=None, description="A whole subject (RFC 4514).")
    san_dns: Name | None = None
    san_uri: Name | None = None
    san_ip: Name | None = None
    san_email: Name | None = None


class Trust(Body):
    """Tokens of an OpenID issuer: a cluster, GitHub Actions, GitLab or any other."""

    issuer: Name
    rules: Rules
    jwks_uri: Name | None = Field(
        default=None, description="Where its keys are; left out: by discovery."
    )
    copied_claims: Copied = Field(default_factory=list)
    single_use: SingleUse = True


class Spiffe(Body):
    """JWT-SVIDs of one SPIFFE ID, or of all below one."""

    id: Name = Field(description="spiffe://domain/path, or .../* for all below.")
    trust_domain: Name
    bundle_endpoint: Name
    rules: Rules = Field(default_factory=list)
    copied_claims: Copied = Field(default_factory=list)
    single_use: SingleUse = True


class FederatedIdentity(_NewProof):
    """Exactly one: whose tokens speak for the client."""

    trust: Trust | None = None
    spiffe: Spiffe | None = None


async def _add(booth: Booth, client: Client, proofs: Sequence[NewProof], body: _NewProof) -> Added:
    return await add_proofs(
        booth,
        client.client_id,
        proofs,
        issuer=client.issuer,
        label=body.label,
        expires_in=body.expires_in,
    )


@router.post(
    "/public-keys",
    status_code=201,
    dependencies=[require("credentials:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def add_public_keys(
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    body: PublicKeys,
    issuer: OneIssuer = None,
) -> Added:
    """Let a client prove itself with its own keys (private_key_jwt)."""
    client = await keeper.check_client(client_id, issuer)
    proofs = proofs_of(body.jwks, body.jwks_uri)
    if not proofs:
        raise BadInput("Give jwks or jwks_uri.")
    return await _add(booth, client, proofs, body)


@router.post(
    "/certificates",
    status_code=201,
    dependencies=[require("credentials:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def add_certificate(
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    body: Certificate,
    issuer: OneIssuer = None,
) -> Added:
    """Let a client prove itself with a TLS certificate (RFC 8705)."""
    client = await keeper.check_client(client_id, issuer)
    given = [name for name in ("certificate", *SUBJECT_KINDS) if getattr(body, name) is not None]
    if len(given) != 1:
        raise BadInput(f"Give exactly one of certificate, {', '.join(SUBJECT_KINDS)}.")
    (kind,) = given
    text: str = getattr(body, kind)
    if kind != "certificate":
        return await _add(booth, client, [subject_proof(kind, text)], body)
    if "PRIVATE KEY" in text:
        raise BadInput("Send the certificate alone; its private key has been given away.")
    proofs = certificate_proofs(text, now=booth.clock.now())
    return await _add(booth, client, proofs, body)


@router.post(
    "/federated-identities",
    status_code=201,
    dependencies=[require("credentials:write")],
    responses=responses(400, 404, 408, 409, 413, 415),
)
async def add_federated_identity(
    booth: BoothHere,
    keeper: KeeperHere,
    client_id: str,
    body: FederatedIdentity,
    issuer: OneIssuer = None,
) -> Added:
    """Let a client prove itself by tokens that its platform gives it."""
    client = await keeper.check_client(client_id, issuer)
    match body:
        case FederatedIdentity(trust=Trust() as trust, spiffe=None):
            proof = trusted_issuer(
                trust.issuer,
                rules=trust.rules,
                jwks_uri=trust.jwks_uri,
                copied_claims=trust.copied_claims,
                single_use=trust.single_use,
            )
        case FederatedIdentity(trust=None, spiffe=Spiffe() as spiffe):
            proof = trusted_spiffe_id(
                spiffe.id,
                trust_domain=spiffe.trust_domain,
                bundle_endpoint=spiffe.bundle_endpoint,
                rules=spiffe.rules,
                copied_claims=spiffe.copied_claims,
                single_use=spiffe.single_use,
            )
        case _:
            raise BadInput("Give either trust or spiffe.")
    return await _add(booth, client, [proof], body)
