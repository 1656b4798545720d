"""From what a client says of itself to a client and its credentials (RFC 7591 §3, RFC 7592 §2.2).

Pure: nothing is stored here. No registration ever has more than it may have.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenbooth.protocol.assertion import PRIVATE_KEY_JWT
from tokenbooth.protocol.errors import InvalidClientMetadata
from tokenbooth.protocol.registration import METHODS, ClientMetadata
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.address import AddressRefused, checked_address
from tokenbooth.server.client_keys import known_keys
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.new_clients import (
    key_credential,
    key_place_credential,
    new_client_id,
    secret_credential,
)
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import ApiAccess, Client, ClientPolicy, Credential, RegisteredClient
from tokenbooth.server.registration_tokens import InitialToken, bad_token, new_registration_id
from tokenbooth.server.secrets import SecretOffice


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A client as it will be stored, and a secret if one was made for it."""

    client: Client
    credentials: tuple[Credential, ...]
    secret: Secret | None


def registered(
    wanted: ClientMetadata,
    token: InitialToken,
    issuer: IssuerView,
    secrets: SecretOffice,
    *,
    now: float,
) -> Registration:
    """Return a new client within what the token allows; raises InvalidClientMetadata."""
    if wanted.client_id is not None or wanted.client_secret is not None:
        raise InvalidClientMetadata("The service chooses the client_id and the client_secret.")
    allowed = tuple(each for each in token.access if each.api in issuer.apis)
    if not allowed:
        raise bad_token("apis_gone")
    client = Client(
        issuer=issuer.name,
        client_id=new_client_id(),
        name=wanted.client_name,
        auth_methods=(wanted.auth_method,),
        grant_types=_grants(wanted, token.grant_types, issuer),
        access=_access(wanted.scope, allowed),
        created_at=now,
        updated_at=now,
        policy=ClientPolicy(dpop_bound=wanted.is_dpop_bound, registration=new_registration_id()),
    )
    return _with_credentials(client, (), wanted, issuer, secrets)


def updated(
    wanted: ClientMetadata,
    current: RegisteredClient,
    issuer: IssuerView,
    secrets: SecretOffice,
    *,
    now: float,
) -> Registration:
    """Return the client replaced by what is wanted, with no more scopes and grants than before.

    Raises InvalidClientMetadata.
    """
    client = current.client
    if wanted.client_id != client.client_id:
        raise InvalidClientMetadata("Send the client_id as it is; it cannot be changed.")
    if wanted.client_secret is not None and not _has_secret(wanted.client_secret, current, secrets):
        raise InvalidClientMetadata("The client_secret is not this client's; leave it out.")
    if not set(client.auth_methods) <= set(METHODS):
        # Whoever stole the entry's token must not put a secret in the place of a certificate.
        raise InvalidClientMetadata(
            "How this client proves itself was set by the operator, and so is changed by him alone."
        )
    changed = replace(
        client,
        name=wanted.client_name,
        auth_methods=(wanted.auth_method,),
        grant_types=_grants(wanted, client.grant_types, issuer),
        access=_access(wanted.scope, client.access),
        # Never back to bearer tokens: the operator may be who bound the client.
        policy=replace(client.policy, dpop_bound=client.policy.dpop_bound or wanted.is_dpop_bound),
        updated_at=now,
    )
    return _with_credentials(changed, current.credentials, wanted, issuer, secrets)


def described(registration: Registration, issuer: IssuerView) -> dict[str, object]:
    """Return the client's metadata as it is registered (RFC 7591 §3.2.1)."""
    client = registration.client
    scopes = [scope for each in client.access for scope in each.scopes]
    keys, places = known_keys(registration.credentials)
    members: dict[str, object] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at),
        "client_name": client.name,
        "token_endpoint_auth_method": client.auth_methods[0],
        "grant_types": [each for each in client.grant_types if each in issuer.grant_types],
        "response_types": [],
        "scope": " ".join(dict.fromkeys(scopes)),
        "dpop_bound_access_tokens": client.policy.dpop_bound,
    }
    if keys:
        members["jwks"] = {"keys": [known.key.to_jwk() for known in keys]}
    if places:
        members["jwks_uri"] = places[0].url
    if registration.secret is not None:
        members["client_secret"] = registration.secret.reveal()
        members["client_secret_expires_at"] = 0
    return members


def _grants(
    wanted: ClientMetadata, allowed: tuple[str, ...], issuer: IssuerView
) -> tuple[str, ...]:
    offered = [each for each in allowed if each in issuer.grant_types]
    for grant in wanted.grant_types:
        if grant not in offered:
            raise InvalidClientMetadata(
                f"The grant_types are no more than: {' '.join(offered) or 'none'}"
            )
    return wanted.grant_types


def _access(wanted: Scope | None, allowed: tuple[ApiAccess, ...]) -> tuple[ApiAccess, ...]:
    if wanted is None:
        return allowed
    known = [scope for each in allowed for scope in each.scopes]
    for scope in wanted:
        if scope not in known:
            raise InvalidClientMetadata(f"The scope is no more than: {' '.join(known) or 'none'}")
    narrowed = (
        replace(each, scopes=tuple(scope for scope in each.scopes if scope in wanted))
        for each in allowed
    )
    # An API without any of the wanted scopes is not wanted.
    return tuple(each for each in narrowed if each.scopes)


def _has_secret(secret: Secret, current: RegisteredClient, secrets: SecretOffice) -> bool:
    return any(
        secrets.matches(secret, each.data) for each in current.credentials if each.kind == "secret"
    )


def _with_credentials(
    client: Client,
    before: Sequence[Credential],
    wanted: ClientMetadata,
    issuer: IssuerView,
    secrets: SecretOffice,
) -> Registration:
    _refuse_by_profile(wanted, issuer)
    now = client.updated_at
    whose = {"issuer": client.issuer, "client_id": client.client_id}
    if wanted.auth_method != PRIVATE_KEY_JWT:
        kept = [each for each in before if each.kind == "secret" and each.is_valid_at(now)]
        if kept:
            return Registration(client=client, credentials=tuple(kept), secret=None)
        credential, secret = secret_credential(secrets, issuer.record, client.client_id, now=now)
        return Registration(client=client, credentials=(credential,), secret=secret)
    if wanted.jwks_uri is not None:
        host = _checked_host(wanted.jwks_uri)
        made = [key_place_credential(wanted.jwks_uri, host, now=now, **whose)]
    else:
        made = [key_credential(key, now=now, **whose) for key in wanted.keys]
    known = {each.data: each for each in before}
    # A key that stays keeps its credential, and so the tokens that it was used to get.
    credentials = tuple(known.get(each.data, each) for each in made)
    return Registration(client=client, credentials=credentials, secret=None)


def _refuse_by_profile(wanted: ClientMetadata, issuer: IssuerView) -> None:
    profile = profile_of(issuer.record)
    wrong = profile.what_is_wrong_with_method(wanted.auth_method)
    for key in wanted.keys:
        wrong = wrong or profile.what_is_wrong_with_algorithm(key.alg)
    if wrong is not None:
        raise InvalidClientMetadata(wrong)


def _checked_host(url: str) -> str:
    try:
        return checked_address(url).netloc
    except AddressRefused as error:
        raise InvalidClientMetadata(str(error)) from error
