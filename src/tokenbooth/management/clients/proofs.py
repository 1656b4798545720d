"""Give clients something else than a secret to prove themselves with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenbooth.management.clients.bounds import check_bounds
from tokenbooth.management.clients.credentials import (
    LONGEST_VALIDITY,
    CredentialView,
    find_own,
    view_credential,
)
from tokenbooth.management.clients.revise_client import client_event
from tokenbooth.management.errors import BadInput, Conflict, NotAllowed
from tokenbooth.management.names import check_text
from tokenbooth.management.revise import revise
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.protocol.assertion import PRIVATE_KEY_JWT
from tokenbooth.protocol.certificate import TLS_METHODS
from tokenbooth.protocol.client_auth import BASIC, POST
from tokenbooth.protocol.presented_assertion import FEDERATED_JWT, SPIFFE_JWT
from tokenbooth.server.audit_records import Event
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.client_keys import KIND as KEY_KIND
from tokenbooth.server.client_keys import algorithm_of
from tokenbooth.server.federation import KIND as TRUST_KIND
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import Client, Credential, CredentialKind, Issuer
from tokenbooth.server.secrets import new_credential_id

SECRET_METHODS = (BASIC, POST)
AUTH_METHODS = (*SECRET_METHODS, PRIVATE_KEY_JWT, *TLS_METHODS, FEDERATED_JWT, SPIFFE_JWT)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProof:
    """A credential to be, and the method in which it is used; nothing in it is secret."""

    method: str
    kind: CredentialKind
    data: str
    hint: str
    grants: tuple[str, ...] = ()  # which it may use in consequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What was added, and the methods that the client may use from now on."""

    credentials: tuple[CredentialView, ...]
    auth_methods: tuple[str, ...]


def make_credential(
    booth: Booth,
    proof: NewProof,
    *,
    issuer: str,
    client_id: str,
    label: str = "",
    expires_in: float | None = None,
) -> Credential:
    """Return the row to store."""
    check_text("label", label)
    if expires_in is not None and not 0 < expires_in <= LONGEST_VALIDITY:
        raise BadInput("A credential is valid for more than 0 seconds and at most 100 years.")
    now = booth.clock.now()
    return Credential(
        id=new_credential_id(),
        issuer=issuer,
        client_id=client_id,
        kind=proof.kind,
        data=proof.data,
        label=label,
        hint=proof.hint,
        created_at=now,
        expires_at=None if expires_in is None else now + expires_in,
    )


async def add_proofs(
    booth: Booth,
    client_id: str,
    proofs: Sequence[NewProof],
    *,
    issuer: str | None = None,
    label: str = "",
    expires_in: float | None = None,
) -> Added:
    """Add the credentials, and let the client use their method; what it has stays as it is."""

    async def attempt() -> Added:
        registered = await find_own(booth, client_id, issuer=issuer)
        client = registered.client
        if booth.actor.account is not None and any(proof.kind == TRUST_KIND for proof in proofs):
            # Claims are copied from its tokens, and what tokens carry is the operators' to say.
            raise NotAllowed("Only an operator lets another issuer speak for a client: ask them.")
        owner = await find_issuer(booth, client.issuer)
        check_proofs(owner, [proof.method for proof in proofs], proofs)
        known = {(each.kind, each.data) for each in registered.credentials}
        for proof in proofs:
            if (proof.kind, proof.data) in known:
                raise Conflict(
                    f"The client {client_id!r} has this credential already: {proof.hint}."
                )
        made = [
            make_credential(
                booth,
                proof,
                issuer=client.issuer,
                client_id=client.client_id,
                label=label,
                expires_in=expires_in,
            )
            for proof in proofs
        ]
        changed = replace(
            client,
            auth_methods=tuple(
                dict.fromkeys((*client.auth_methods, *(proof.method for proof in proofs)))
            ),
            grant_types=with_grants(client.grant_types, proofs),
        )
        together = booth.store.together()
        if changed != client:
            await check_bounds(booth, client, changed)
            changed = replace(changed, updated_at=booth.clock.now())
            await together.replace_client(changed, seen=client)
        for credential in made:
            await together.add_credential(
                credential, audit=[_added(booth, client, credential, changed.auth_methods)]
            )
        await together.commit()
        return Added(
            credentials=tuple(view_credential(booth, each) for each in made),
            auth_methods=changed.auth_methods,
        )

    return await revise(attempt)


def _added(
    booth: Booth, client: Client, credential: Credential, auth_methods: tuple[str, ...]
) -> Event:
    return client_event(
        booth,
        "credential_added",
        client,
        subject=credential.id,
        kind=credential.kind,
        label=credential.label,
        hint=credential.hint,
        expires_at=credential.expires_at,
        auth_methods=list(auth_methods),
    )


def check_proofs(issuer: Issuer, methods: Sequence[str], proofs: Sequence[NewProof]) -> None:
    """Refuse proofs that the issuer's profile forbids; raises BadInput."""
    profile = profile_of(issuer)
    wrong = [profile.what_is_wrong_with_method(method) for method in methods]
    wrong += [
        profile.what_is_wrong_with_algorithm(alg)
        for proof in proofs
        if proof.kind == KEY_KIND and (alg := algorithm_of(proof.data)) is not None
    ]
    for text in wrong:
        if text is not None:
            raise BadInput(text)


def with_grants(grants: Sequence[str], proofs: Sequence[NewProof]) -> tuple[str, ...]:
    """Return the grants that a client has with these proofs."""
    return tuple(dict.fromkeys((*grants, *(grant for proof in proofs for grant in proof.grants))))


def chosen_methods(wanted: Sequence[str] | None, proofs: Sequence[NewProof]) -> tuple[str, ...]:
    """Return how a new client authenticates; raises BadInput for a method without its proof."""
    by_proof = tuple(dict.fromkeys(proof.method for proof in proofs))
    if wanted is None:
        return by_proof or SECRET_METHODS
    if not wanted:
        raise BadInput("Name at least one way to authenticate.")
    for method in wanted:
        if method not in (*SECRET_METHODS, *by_proof):
            raise BadInput(
                f"The method {method} needs what the client proves itself with: "
                f"a key, a certificate or a trusted identity. Secrets: {', '.join(SECRET_METHODS)}."
            )
    unused = [method for method in by_proof if method not in wanted]
    if unused:
        raise BadInput(f"Allow the method {unused[0]} too, or leave out what it is used with.")
    return tuple(dict.fromkeys(wanted))


def needs_secret(methods: Sequence[str]) -> bool:
    """Tell whether a client with these methods has a secret."""
    return any(method in SECRET_METHODS for method in methods)
