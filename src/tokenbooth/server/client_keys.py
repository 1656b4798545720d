"""The public keys of clients: registered one by one, or published by the client (RFC 7591 §2)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import VerificationKey, verification_key
from tokenbooth.server.records import Credential, CredentialKind

KIND: CredentialKind = "jwk"
_MOST_TRIED = 4  # keys of one client for one assertion


class _StoredKeys(msgspec.Struct, omit_defaults=True):
    """What a credential of that kind keeps: one of both."""

    jwk: dict[str, str] | None = None
    jwks_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """A registered key, ready to verify with. A key registered without a kid goes by any."""

    credential: Credential = field(repr=False)
    key: VerificationKey
    kid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeyPlace:
    """Where a client publishes its keys."""

    credential: Credential = field(repr=False)
    url: str


def key_data(key: VerificationKey) -> str:
    """Return what the credential of a registered key keeps."""
    jwk = {**key.jwk, "alg": key.alg}
    if key.kid != key.thumbprint:
        jwk["kid"] = key.kid
    return msgspec.json.encode(_StoredKeys(jwk=jwk)).decode()


def algorithm_of(data: str) -> str | None:
    """Return what the key in a credential signs with; None where it is published elsewhere."""
    jwk = msgspec.json.decode(data, type=_StoredKeys).jwk
    return None if jwk is None else jwk["alg"]


def key_place_data(url: str) -> str:
    """Return what the credential of a published key set keeps."""
    return msgspec.json.encode(_StoredKeys(jwks_uri=url)).decode()


def known_keys(
    credentials: Iterable[Credential],
) -> tuple[tuple[KnownKey, ...], tuple[KnownKeyPlace, ...]]:
    """Read the credentials of this kind; one that cannot be used is left out."""
    keys, places = [], []
    for credential in credentials:
        if credential.kind != KIND:
            continue
        try:
            stored = msgspec.json.decode(credential.data, type=_StoredKeys)
            if stored.jwk is not None:
                key = verification_key(stored.jwk)
                keys.append(KnownKey(credential=credential, key=key, kid=stored.jwk.get("kid")))
            elif stored.jwks_uri is not None:
                places.append(KnownKeyPlace(credential=credential, url=stored.jwks_uri))
        except (msgspec.MsgspecError, KeyRefused):
            continue  # A key that later turned out to be weak takes nothing else down.
    return tuple(keys), tuple(places)


def candidates(keys: Iterable[KnownKey], kid: str | None, alg: str) -> tuple[KnownKey, ...]:
    """Return the client's keys that may have signed, those of that very name first."""
    fitting = [known for known in keys if known.key.is_for(alg)]
    named = [known for known in fitting if kid is not None and kid in (known.kid, known.key.kid)]
    # Newest first: while a key is rotated, the one without a name is the new one.
    return tuple(
        named
        or [known for known in reversed(fitting) if kid is None or known.kid is None][:_MOST_TRIED]
    )
