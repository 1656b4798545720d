"""What makes a well-formed key unfit to be trusted (RFC 8725 §3.4, RFC 7518 §3.3)."""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.signatures import PublicKey

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # beyond it, one check costs an attacker nothing and us much
MAX_EXPONENT_BITS = 64  # for the same reason

# Infineon's chips made moduli which are powers of 65537 modulo each of these primes, and which
# can therefore be factored (CVE-2017-15361). One honest modulus in 200 million looks like that.
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def refuse_weak_rsa(modulus: int, exponent: int) -> None:
    """Raise KeyRefused for an RSA key that others can break or that is slow to check with."""
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise KeyRefused(f"an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")
    if modulus % 2 == 0:
        raise KeyRefused("an RSA modulus is odd")
    if exponent < 3 or exponent % 2 == 0:
        raise KeyRefused("an RSA exponent is odd and above 1")
    if exponent.bit_length() > MAX_EXPONENT_BITS:
        raise KeyRefused(f"an RSA exponent has at most {MAX_EXPONENT_BITS} bits")
    if all(_is_power_of_65537(modulus, prime) for prime in _ROCA_PRIMES):
        raise KeyRefused("the RSA key was made by faulty hardware and can be broken (ROCA)")


def refuse_foreign_private_part(private: int, public: PublicKey) -> None:
    """Raise KeyRefused unless `private` belongs to `public`: two halves of two keys are none."""
    try:
        belongs = _belongs(private, public)
    except (ValueError, OverflowError) as error:
        raise KeyRefused("the private part of the key is malformed") from error
    if not belongs:
        raise KeyRefused("the private part of the key does not belong to its public part")


def _belongs(private: int, public: PublicKey) -> bool:
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        if private >= numbers.n:  # so that the one computation stays bounded
            return False
        return pow(pow(2, numbers.e, numbers.n), private, numbers.n) == 2
    if isinstance(public, ec.EllipticCurvePublicKey):
        return ec.derive_private_key(private, public.curve).public_key() == public
    if not isinstance(public, ed25519.Ed25519PublicKey):
        return False  # ML-DSA keys have no member d
    seed = private.to_bytes(32, "big")
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key() == public


def _is_power_of_65537(number: int, prime: int) -> bool:
    return number % prime in {pow(65537, power, prime) for power in range(prime - 1)}
