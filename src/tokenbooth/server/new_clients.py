"""How a client and its credentials are made, whoever registers it."""

import secrets

from tokenbooth.protocol.keys import VerificationKey
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.client_keys import KIND, key_data, key_place_data
from tokenbooth.server.records import Credential, Issuer
from tokenbooth.server.secrets import SecretOffice, new_credential_id

HINT_LENGTH = 4

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 16


def new_client_id() -> str:
    """Return a client id that nobody else has and that no account can have."""
    return "tb_" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))


def secret_credential(
    office: SecretOffice,
    issuer: Issuer,
    client_id: str,
    *,
    now: float,
    label: str = "",
    expires_at: float | None = None,
) -> tuple[Credential, Secret]:
    """Make a secret: the row to store, and what its owner is told once."""
    credential_id = new_credential_id()
    secret = office.make(issuer.tag, credential_id)
    credential = Credential(
        id=credential_id,
        issuer=issuer.name,
        client_id=client_id,
        kind="secret",
        data=office.digest(secret),
        label=label,
        hint=secret.reveal()[-HINT_LENGTH:],
        created_at=now,
        expires_at=expires_at,
    )
    return credential, secret


def key_credential(key: VerificationKey, *, issuer: str, client_id: str, now: float) -> Credential:
    """Return the row of a public key."""
    return _credential(key_data(key), key.thumbprint, issuer=issuer, client_id=client_id, now=now)


def key_place_credential(
    url: str, host: str, *, issuer: str, client_id: str, now: float
) -> Credential:
    """Return the row of a place where the client publishes its keys."""
    return _credential(key_place_data(url), host, issuer=issuer, client_id=client_id, now=now)


def _credential(data: str, hint: str, *, issuer: str, client_id: str, now: float) -> Credential:
    return Credential(
        id=new_credential_id(),
        issuer=issuer,
        client_id=client_id,
        kind=KIND,
        data=data,
        hint=hint,
        created_at=now,
    )
