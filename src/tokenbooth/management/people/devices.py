"""Device cookies: browsers in which a member has signed in before.

They prove nothing but that, so that strangers who guess a member's password from elsewhere slow
down nobody but themselves. Nothing is stored for them.
"""

import secrets

from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Member
from tokenbooth.server.sealing import SealingKey

LIFETIME = 365 * 86_400
_PREFIX = "tbd_"
_ID_BYTES = 12


def device_cookie(booth: Booth, member: Member, *, known: str | None = None) -> Secret:
    """Return the cookie for a browser in which the member signed in just now.

    A browser that the member used before keeps its identity, so that nobody gets new attempts by
    signing in and out.
    """
    device = known_device(booth, member.email, known) or secrets.token_hex(_ID_BYTES)
    claims = {"email": member.email, "id": device, "iat": int(booth.clock.now())}
    return Secret(_key(booth).seal(_PREFIX, claims))


def known_device(booth: Booth, email: str, unverified_cookie: str | None) -> str | None:
    """Return the identity of a device in which this member has signed in, else None."""
    if not unverified_cookie:
        return None
    try:
        claims = _key(booth).open(_PREFIX, unverified_cookie)
    except TokenRefused:
        return None
    if claims["email"] != email or booth.clock.now() - claims["iat"] > LIFETIME:
        return None
    return str(claims["id"])


def _key(booth: Booth) -> SealingKey:
    return SealingKey(booth.secrets.derive(b"devices"))
