"""Signing and verification keys: one key, one algorithm (RFC 7517, RFC 7518, RFC 8725 §3.1)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tokenbooth.protocol import base64url, ml_dsa, strict_json
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.key_faults import (
    MIN_RSA_BITS,
    refuse_foreign_private_part,
    refuse_weak_rsa,
)
from tokenbooth.protocol.signatures import PrivateKey, PublicKey, signer_for, verifier_for

ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")  # what everybody verifies
SIGNING_ALGORITHMS = (*ALGORITHMS, *ml_dsa.ALGORITHMS)  # what the service signs with

MAX_KEYS_IN_SET = 100
MAX_NUMBER_LENGTH = 2048  # characters of base64url; the longest RSA modulus has 1366

_CURVE_ALG = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA_ALGS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_JWK_KIND: dict[str, type[ECKey] | type[OKPKey] | type[RSAKey]] = {
    "EC": ECKey,
    "OKP": OKPKey,
    "RSA": RSAKey,
}
# RFC 9864 §2.2 gives EdDSA with this curve, the only one here, a name of its own.
_ED25519_ALGS = ("EdDSA", "Ed25519")
# Of every key type: RFC 7518 §6.2.2, §6.3.2 and §6.4, RFC 8037 §2, RFC 9964.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_PUBLIC_MEMBERS = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e")}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key, bound to one algorithm. `verify(data, signature)` says whether it signed."""

    kid: str
    alg: str
    thumbprint: str  # RFC 7638, SHA-256
    jwk: Mapping[str, str] = field(repr=False, compare=False)
    verify: Callable[[bytes, bytes], bool] = field(repr=False, compare=False)

    def is_for(self, alg: str) -> bool:
        """Tell whether `alg` names this key's algorithm, by either name where it has two."""
        return alg == self.alg or _is_same(alg, self.alg)

    def to_jwk(self) -> dict[str, str]:
        """Return the public JWK as a key set publishes it."""
        return {**self.jwk, "kid": self.kid, "alg": self.alg, "use": "sig"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key, bound to one algorithm. `sign(data)` returns the JWS signature."""

    alg: str
    public: VerificationKey
    sign: Callable[[bytes], bytes] = field(repr=False, compare=False)
    _private: PrivateKey = field(repr=False, compare=False)

    @property
    def kid(self) -> str:
        """The key's thumbprint (RFC 7638), so that the same name never means another key."""
        return self.public.kid

    def to_pkcs8(self) -> bytes:
        """Return the private key unencrypted, as DER; the caller seals it."""
        return self._private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def generate_key(alg: str) -> SigningKey:
    """Make a new key for one of SIGNING_ALGORITHMS; raises KeyRefused for another.

    Its ID never begins with a hyphen: on a command line it would be taken for an option.
    """
    key = _generate(alg)
    while key.public.kid.startswith("-"):
        key = _generate(alg)
    return key


def _generate(alg: str) -> SigningKey:
    if alg == "ES256":
        return _signing_key(ec.generate_private_key(ec.SECP256R1()), alg)
    if alg == "EdDSA":
        return _signing_key(ed25519.Ed25519PrivateKey.generate(), alg)
    if alg in ("PS256", "RS256"):
        return _signing_key(rsa.generate_private_key(65537, MIN_RSA_BITS), alg)
    if alg in ml_dsa.ALGORITHMS:
        return _signing_key(ml_dsa.generate(alg), alg)
    raise KeyRefused(f"{alg} is not one of {', '.join(SIGNING_ALGORITHMS)}")


def signing_key(private_key: bytes, alg: str | None = None) -> SigningKey:
    """Read an unencrypted private key, DER or PEM; `alg` chooses where RSA leaves a choice."""
    pem = private_key.lstrip().startswith(b"-----BEGIN")
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        loaded = load(private_key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = "no unencrypted private key in PEM or DER could be read"
        raise KeyRefused(message) from error
    if not isinstance(loaded, PrivateKey):
        message = "only EC, Ed25519, RSA and ML-DSA keys can sign here"
        raise KeyRefused(message)
    return _signing_key(loaded, alg)


def verification_key_of_pem(public_key: bytes, alg: str | None = None) -> VerificationKey:
    """Read a public key in PEM; raises KeyRefused."""
    try:
        loaded = serialization.load_pem_public_key(public_key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = "no public key in PEM could be read"
        raise KeyRefused(message) from error
    if not isinstance(loaded, PublicKey):
        message = "only EC, Ed25519, RSA and ML-DSA keys are accepted"
        raise KeyRefused(message)
    return _verification_key(loaded, alg=alg, kid=None)


def signing_key_of_jwk(jwk: Mapping[str, Any]) -> SigningKey:
    """Read a private JWK; raises KeyRefused, also for a public one."""
    public = verification_key(jwk)  # whose checks of size, use and halves all apply
    if "priv" in jwk and jwk["kty"] == ml_dsa.KEY_TYPE:
        return _signing_key(ml_dsa.private_key(jwk), public.alg)
    if "d" not in jwk:
        raise KeyRefused("the JWK has no private part")
    kind = _JWK_KIND[jwk["kty"]]
    try:
        pem = kind.import_key({k: v for k, v in jwk.items() if isinstance(v, str)}).as_pem(
            private=True
        )
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise KeyRefused("the private part of the key is malformed") from error
    return signing_key(pem, public.alg)


def _signing_key(private: PrivateKey, alg: str | None) -> SigningKey:
    public = _verification_key(private.public_key(), alg=alg, kid=None)
    return SigningKey(
        alg=public.alg, public=public, sign=signer_for(private, public.alg), _private=private
    )


def verification_key(jwk: Mapping[str, Any], *, alg: str | None = None) -> VerificationKey:
    """Read a JWK (a private one gives its public half); raises KeyRefused with the reason."""
    kid, named_alg = jwk.get("kid"), jwk.get("alg", alg)
    if not isinstance(kid, str | None) or not isinstance(named_alg, str | None):
        message = "kid and alg must be texts"
        raise KeyRefused(message)
    if alg is not None and named_alg is not None and not _is_same(named_alg, alg):
        raise KeyRefused(f"the key is for {named_alg}, not {alg}")
    _refuse_other_use(jwk)
    public = _read_public(jwk)
    if "d" in jwk:
        refuse_foreign_private_part(_number(jwk["d"]), public)
    return _verification_key(public, alg=named_alg, kid=kid)


def _is_same(alg: str, other: str) -> bool:
    return alg == other or (alg in _ED25519_ALGS and other in _ED25519_ALGS)


def has_private_part(jwk: Mapping[str, Any]) -> bool:
    """Whether the JWK tells a secret, whatever its type."""
    return not _PRIVATE_MEMBERS.isdisjoint(jwk)


def _refuse_other_use(jwk: Mapping[str, Any]) -> None:
    if jwk.get("use", "sig") != "sig":  # RFC 7517 §4.2
        message = "the key's use is not sig"
        raise KeyRefused(message)
    operations = jwk.get("key_ops", ["verify"])  # RFC 7517 §4.3
    if not isinstance(operations, list) or not ("verify" in operations or "sign" in operations):
        message = "the key's key_ops allow neither verify nor sign"
        raise KeyRefused(message)


def _read_public(jwk: Mapping[str, Any]) -> PublicKey:
    kty = jwk.get("kty")
    if kty == ml_dsa.KEY_TYPE:
        return ml_dsa.public_key(jwk)
    kind = _JWK_KIND.get(kty) if isinstance(kty, str) else None
    if kind is None:
        message = "kty must be EC, OKP, RSA or AKP; a shared secret is no verification key"
        raise KeyRefused(message)
    members = _PUBLIC_MEMBERS[kind.key_type]
    # Before the library, which warns of small moduli and computes with endless numbers.
    numbers = [_number(jwk.get(name)) for name in members if name != "crv"]
    if kty == "RSA":
        refuse_weak_rsa(*numbers)
    try:
        public = kind.import_key({name: jwk[name] for name in ("kty", *members)}).public_key
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyRefused(f"the {kty} key is malformed") from error
    if not isinstance(public, PublicKey):
        message = "only EC, Ed25519, RSA and ML-DSA keys are accepted"
        raise KeyRefused(message)
    return public


def _number(member: object) -> int:
    if not isinstance(member, str) or len(member) > MAX_NUMBER_LENGTH:
        raise KeyRefused("a number of the key is missing, no text or endless")
    try:
        return int.from_bytes(base64url.decode(member.encode("ascii")), "big")
    except ValueError as error:
        raise KeyRefused("a number of the key is not base64url") from error


def _verification_key(public: PublicKey, *, alg: str | None, kid: str | None) -> VerificationKey:
    alg = _bound_algorithm(public, alg)
    jwk, thumbprint = _described(public)
    return VerificationKey(
        kid=kid if kid is not None else thumbprint,
        alg=alg,
        thumbprint=thumbprint,
        jwk=jwk,
        verify=verifier_for(public, alg),
    )


def _described(public: PublicKey) -> tuple[dict[str, str], str]:
    """Return the members that make up the key, and its thumbprint."""
    if isinstance(public, ml_dsa.MlDsaPublicKey):
        jwk = ml_dsa.public_jwk(public)
        return jwk, ml_dsa.thumbprint(jwk)
    jose = _as_jose(public)
    described = {str(k): str(v) for k, v in jose.as_dict(private=False).items()}
    members = ("kty", *_PUBLIC_MEMBERS[described["kty"]])
    return {name: described[name] for name in members}, jose.thumbprint()


def _as_jose(
    public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey,
) -> ECKey | OKPKey | RSAKey:
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if isinstance(public, rsa.RSAPublicKey):
        return RSAKey.import_key(pem)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return ECKey.import_key(pem)
    return OKPKey.import_key(pem)


def _bound_algorithm(public: PublicKey, alg: str | None) -> str:
    """Return the one algorithm of the key, the first fitting one unless it is named."""
    fitting: tuple[str, ...]
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        refuse_weak_rsa(numbers.n, numbers.e)
        kind, fitting = "RSA", _RSA_ALGS
    elif isinstance(public, ec.EllipticCurvePublicKey):
        kind = f"EC {public.curve.name}"
        fitting = tuple(filter(None, [_CURVE_ALG.get(public.curve.name)]))
    elif isinstance(public, ml_dsa.MlDsaPublicKey):
        kind = ml_dsa.algorithm_of(public)
        fitting = (kind,)
    else:
        kind, fitting = "Ed25519", _ED25519_ALGS
    if not fitting:
        raise KeyRefused(f"{kind} keys are not accepted")
    if alg is not None and alg not in fitting:
        raise KeyRefused(f"{kind} keys cannot be used for {alg}")
    return alg or fitting[0]


class KeySet:
    """Verification keys by name; keys that cannot be used were left out when it was read."""

    __slots__ = ("_by_kid", "_found", "_keys", "max_age")

    def __init__(self, keys: Iterable[VerificationKey], *, max_age: float | None = None) -> None:
        self._keys = tuple(keys)
        self._by_kid: dict[str | None, tuple[VerificationKey, ...]] = {None: self._keys}
        self._found: dict[tuple[str | None, str], tuple[VerificationKey, ...]] = {}
        for key in self._keys:
            self._by_kid[key.kid] = (*self._by_kid.get(key.kid, ()), key)
        self.max_age = max_age  # seconds until it wants to be fetched anew; None: it does not say

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[VerificationKey]:
        return iter(self._keys)

    def candidates(self, kid: str | None, alg: str) -> tuple[VerificationKey, ...]:
        """Return the keys of that name for that algorithm; without a name, the only one."""
        found = self._found.get((kid, alg))
        if found is not None:
            return found
        named = tuple([key for key in self._by_kid.get(kid, ()) if key.is_for(alg)])
        # Without a kid there is no trying around: a second guess helps only an attacker.
        found = named if kid is not None or len(named) == 1 else ()
        if found:  # what strangers ask for in vain is not remembered
            self._found[kid, alg] = found
        return found


def parse_key_set(document: bytes) -> KeySet:
    """Read a JWKS (RFC 7517 §5), skipping unusable keys; raises KeyRefused when it is none."""
    try:
        listed = strict_json.parse_object(document).get("keys")
    except ValueError as error:
        message = "the key set is not a JSON object"
        raise KeyRefused(message) from error
    if not isinstance(listed, list) or len(listed) > MAX_KEYS_IN_SET:
        raise KeyRefused(f'the key set has no list "keys" of at most {MAX_KEYS_IN_SET}')
    return KeySet(_usable(listed))


def _usable(listed: Iterable[object]) -> Iterable[VerificationKey]:
    for jwk in listed:
        if isinstance(jwk, dict):
            try:
                yield verification_key(jwk)
            except KeyRefused:
                continue  # RFC 7517 §5: an unknown key does not spoil the set
