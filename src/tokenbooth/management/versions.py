"""Versions of what people edit, so that nobody overwrites what somebody else changed meanwhile.

The management API sends a version as ETag (RFC 9110 §8.8.3) and takes it back as If-Match; a page
of the console carries it through its form.
"""

import hashlib

import msgspec

from tokenbooth.management.errors import Outdated
from tokenbooth.server.people_records import AccessRequest, Member
from tokenbooth.server.records import Account, Api, Client, Credential, Issuer

Editable = AccessRequest | Account | Api | Client | Credential | Issuer | Member
_NOT_EDITED = ("last_used_at", "last_used_from", "last_sign_in_at")


def version_of(record: Editable) -> str:
    """Return a text that changes whenever somebody changes the record."""
    members = msgspec.to_builtins(record)
    for name in _NOT_EDITED:
        members.pop(name, None)
    encoded = msgspec.json.encode(members, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:32]


def refuse_outdated(record: Editable, version: str | None) -> None:
    """Raise Outdated unless this version is the record's; None is any."""
    if version is not None and version != version_of(record):
        raise Outdated(
            "Somebody else changed it meanwhile. Look at it again, then make your change again."
        )
