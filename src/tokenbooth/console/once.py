"""Forms that make a secret make it once, however often a browser sends them."""

import re
import secrets

from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import BadInput, Conflict

FIELD = "once"
_SECONDS = 86_400.0
_VALUE = re.compile(r"[A-Za-z0-9_-]{22,64}")


def new_once() -> str:
    """Return what the hidden field of a fresh form holds."""
    return secrets.token_urlsafe(16)


async def claim_once(visit: Visit) -> None:
    """Let the form through the first time; raises BadInput, or Conflict when it comes again."""
    value = visit.form.text(FIELD)
    if not _VALUE.fullmatch(value):
        raise BadInput("The form is incomplete: load the page again.")
    now = visit.booth.clock.now()
    claim = await visit.booth.store.claim(f"form:{value}", now=now, expires_at=now + _SECONDS)
    if not claim.won:
        raise Conflict(
            "This form was sent before, and it made something then. A secret is shown once and "
            "cannot be shown again: if it was lost, make a new one."
        )
