"""Email addresses as members are known by them."""

import re

from tokenbooth.management.errors import BadInput
from tokenbooth.management.names import shown

MAX_EMAIL = 254

# What browsers take in a field for an email (HTML, "valid e-mail address").
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def read_email(text: str) -> str:
    """Return the address in lower case, without white space around it; raises BadInput."""
    email = clean_email(text)
    if email is None:
        raise BadInput(f"{shown(text)} is no email address: write it like ann@example.com.")
    return email


def clean_email(text: str) -> str | None:
    """Return the address in lower case, or None for what is no address."""
    # Not casefold: it would turn other letters into ASCII, and one address into another.
    stripped = text.strip()
    if len(stripped) > MAX_EMAIL or not stripped.isascii():
        return None
    email = stripped.lower()
    return email if _EMAIL.fullmatch(email) else None
