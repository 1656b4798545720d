"""One-time codes by the time, as authenticator apps show them (RFC 6238 on RFC 4226)."""

import hmac
from base64 import b32encode
from urllib.parse import quote, urlencode

DIGITS = 6
STEP_SECONDS = 30
SECRET_BYTES = 20  # RFC 4226 §4: at least 128 bits, better 160
# RFC 6238 §5.2: a step to either side, for clocks that differ and hands that are slow.
_TOLERATED_STEPS = 1


def step_at(now: float) -> int:
    """Return the time step of a moment in seconds since 1970 (RFC 6238 §4.2)."""
    return int(now // STEP_SECONDS)


def code_at(secret: bytes, step: int, *, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """Return the code of that time step."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), algorithm)
    # RFC 4226 §5.3: four bytes from where the last one says, without the sign.
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: bytes, unverified_code: str, *, now: float) -> int | None:
    """Return the time step around `now` whose code this is, or None."""
    if len(unverified_code) != DIGITS or not unverified_code.isascii():
        return None
    current, found = step_at(now), None
    for step in range(current - _TOLERATED_STEPS, current + _TOLERATED_STEPS + 1):
        # Timing: all are compared, whichever it is.
        if hmac.compare_digest(code_at(secret, step), unverified_code):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """Return the secret as people type it into an app: base32 without padding."""
    return b32encode(secret).rstrip(b"=").decode("ascii")


def otpauth_uri(secret: bytes, *, service: str, member: str) -> str:
    """Return what the QR code for an app holds."""
    # A colon parts the two names, so neither may have one of its own.
    label = f"{quote(service.replace(':', ' '), safe='')}:{quote(member, safe='@')}"
    asked = {
        "secret": secret_text(secret),
        "issuer": service,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": STEP_SECONDS,
    }
    return f"otpauth://totp/{label}?{urlencode(asked, quote_via=quote)}"
