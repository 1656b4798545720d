"""The issuer's own keys: next (published ahead of use), current and retired (still accepted)."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from tokenbooth.protocol.keys import VerificationKey, generate_key
from tokenbooth.server.key_material import to_material, to_signer
from tokenbooth.server.pkcs11 import Pkcs11Signer
from tokenbooth.server.records import Issuer, StoredKey
from tokenbooth.server.sealing import SealingKey, new_sealing_secret
from tokenbooth.server.signing import Signer, SoftwareSigner
from tokenbooth.server.vault import Vault

SEAL_ALG = "A256GCM"
SERVICE = ""  # the owner of keys that belong to no issuer
PEPPER = "pepper"
FOREVER = float("inf")


def new_issuer_keys(issuer: Issuer, vault: Vault, now: float) -> tuple[StoredKey, ...]:
    """Make the first keys of an issuer: one to sign JWTs, one to seal opaque tokens."""
    return (
        new_signing_key(issuer.name, issuer.alg, vault, now=now, activates_at=now),
        new_sealing_key(issuer.name, vault, now=now),
    )


def new_signing_key(
    issuer: str, alg: str, vault: Vault, *, now: float, activates_at: float
) -> StoredKey:
    """Make a key that signs from `activates_at` on; raises KeyRefused for a foreign algorithm."""
    signer = SoftwareSigner(generate_key(alg))
    return signing_key_row(issuer, signer, vault, now=now, activates_at=activates_at)


def signing_key_row(
    issuer: str,
    signer: SoftwareSigner | Pkcs11Signer,
    vault: Vault,
    *,
    now: float,
    activates_at: float,
) -> StoredKey:
    """Return what is stored of a signing key."""
    public = signer.public
    return StoredKey(
        kid=public.kid,
        issuer=issuer,
        purpose="sign",
        alg=public.alg,
        sealed=vault.seal(_label(issuer, public.kid), to_material(signer)),
        public_jwk=msgspec.json.encode(public.to_jwk()).decode(),
        created_at=now,
        activates_at=activates_at,
    )


def new_sealing_key(
    issuer: str, vault: Vault, *, now: float, activates_at: float | None = None
) -> StoredKey:
    """Make a key that seals opaque and refresh tokens, at once or from `activates_at` on."""
    secret = new_sealing_secret()
    kid = SealingKey(secret).kid
    return StoredKey(
        kid=kid,
        issuer=issuer,
        purpose="seal",
        alg=SEAL_ALG,
        sealed=vault.seal(_label(issuer, kid), secret),
        created_at=now,
        activates_at=now if activates_at is None else activates_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeys:
    """One issuer's keys as of one moment; to be made anew at `stale_at`."""

    signing: Signer | None  # None: no key is active, and nothing can be issued
    sealing: SealingKey | None
    published: tuple[VerificationKey, ...]
    opening: tuple[SealingKey, ...]
    jwks: bytes = field(repr=False)
    stale_at: float  # when a key becomes current, retires or expires

    def verification(self, kid: str | None, alg: str) -> VerificationKey | None:
        """Return the published key of that name and algorithm."""
        for key in self.published:
            if key.kid == kid and key.alg == alg:
                return key
        return None


NO_KEYS = IssuerKeys(
    signing=None, sealing=None, published=(), opening=(), jwks=b'{"keys":[]}', stale_at=FOREVER
)


class Keyring:
    """Opens stored keys once, and says which of them are in use at a given time."""

    __slots__ = ("_opened", "_vault")

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._opened: dict[tuple[str, str], Signer | SealingKey] = {}

    def as_of(self, now: float, issuer: str, stored: Iterable[StoredKey]) -> IssuerKeys:
        """Return the issuer's keys at `now`; raises VaultError when one cannot be opened."""
        live = [
            key
            for key in stored
            if key.issuer == issuer and (key.expires_at is None or now < key.expires_at)
        ]
        signers = [key for key in live if key.purpose == "sign"]
        sealers = [key for key in live if key.purpose == "seal"]
        signing = self._current(signers, now)
        sealing = self._current(sealers, now)
        published = tuple(
            opened.public
            for key in signers
            if not isinstance(opened := self._open(key), SealingKey)
        )
        return IssuerKeys(
            signing=None if isinstance(signing, SealingKey) else signing,
            sealing=sealing if isinstance(sealing, SealingKey) else None,
            published=published,
            opening=tuple(
                opened for key in sealers if isinstance(opened := self._open(key), SealingKey)
            ),
            jwks=msgspec.json.encode({"keys": [key.to_jwk() for key in published]}),
            stale_at=min(
                (t for key in live for t in _turning_points(key) if t > now), default=FOREVER
            ),
        )

    def _current(self, keys: list[StoredKey], now: float) -> Signer | SealingKey | None:
        active = [
            key
            for key in keys
            if key.activates_at <= now and (key.retires_at is None or now < key.retires_at)
        ]
        if not active:
            return None
        return self._open(max(active, key=lambda key: (key.activates_at, key.created_at, key.kid)))

    def _open(self, stored: StoredKey) -> Signer | SealingKey:
        name = (stored.issuer, stored.kid)
        opened = self._opened.get(name)
        if opened is None:
            opened = self._opened[name] = open_key(stored, self._vault)
        return opened


def open_key(stored: StoredKey, vault: Vault) -> Signer | SealingKey:
    """Open one key; raises VaultError, KeyRefused."""
    secret = vault.unseal(_label(stored.issuer, stored.kid), stored.sealed)
    return to_signer(secret, stored.alg) if stored.purpose == "sign" else SealingKey(secret)


def reseal_key(stored: StoredKey, old: Vault, new: Vault) -> StoredKey:
    """Return the key sealed under another master key; raises VaultError."""
    label = PEPPER if stored.purpose == "pepper" else _label(stored.issuer, stored.kid)
    return replace(stored, sealed=new.seal(label, old.unseal(label, stored.sealed)))


def _label(issuer: str, kid: str) -> str:
    return f"{issuer}/{kid}"


def _turning_points(key: StoredKey) -> tuple[float, ...]:
    return tuple(t for t in (key.activates_at, key.retires_at, key.expires_at) if t is not None)
