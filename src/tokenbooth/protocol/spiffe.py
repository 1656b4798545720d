"""SPIFFE identities and the key bundles of their trust domains, as far as JWT-SVIDs need them.

After the SPIFFE ID, JWT-SVID and Trust Domain and Bundle specifications.
"""

import re
from collections.abc import Iterator

from tokenbooth.protocol import strict_json
from tokenbooth.protocol.errors import KeyRefused, ProtocolError
from tokenbooth.protocol.keys import MAX_KEYS_IN_SET, KeySet, VerificationKey, verification_key

SCHEME = "spiffe://"
MAX_ID_LENGTH = 2048
LEAST_REFRESH, MOST_REFRESH = 10.0, 3600.0  # seconds, whatever the bundle wishes

_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_USE = "jwt-svid"


class SpiffeRefused(ProtocolError):
    """A name that is no SPIFFE ID, or none of this trust domain."""


def check_trust_domain(name: str) -> None:
    """Refuse what cannot name a trust domain."""
    if not _TRUST_DOMAIN.fullmatch(name):
        raise SpiffeRefused("A trust domain is 1 to 255 of the characters a-z, 0-9, '.', '_', '-'.")


def trust_domain_of(spiffe_id: str) -> str:
    """Return the trust domain of a workload's ID; raises SpiffeRefused."""
    domain, slash, path = spiffe_id.removeprefix(SCHEME).partition("/")
    is_id = spiffe_id.startswith(SCHEME) and len(spiffe_id) <= MAX_ID_LENGTH
    if not is_id or not slash or not _TRUST_DOMAIN.fullmatch(domain):
        raise SpiffeRefused("A SPIFFE ID reads spiffe://trust-domain/path.")
    for segment in path.split("/"):
        if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise SpiffeRefused("The path of the SPIFFE ID is malformed.")
    return domain


def parse_bundle(document: bytes) -> KeySet:
    """Read a trust domain's bundle, of it the keys for JWT-SVIDs; raises KeyRefused."""
    try:
        bundle = strict_json.parse_object(document)
    except ValueError as error:
        raise KeyRefused("the bundle is not a JSON object") from error
    listed = bundle.get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS_IN_SET:
        raise KeyRefused(f'the bundle has no list "keys" of at most {MAX_KEYS_IN_SET}')
    hint = bundle.get("spiffe_refresh_hint")
    if isinstance(hint, bool) or not isinstance(hint, int | float):
        return KeySet(_usable(listed))
    return KeySet(_usable(listed), max_age=float(min(max(hint, LEAST_REFRESH), MOST_REFRESH)))


def _usable(listed: list[object]) -> Iterator[VerificationKey]:
    for jwk in listed:
        # The others are for certificates. Without a name no token could ask for a key.
        if isinstance(jwk, dict) and jwk.get("use") == _USE and jwk.get("kid"):
            try:
                yield verification_key({**jwk, "use": "sig"})
            except KeyRefused:
                continue
