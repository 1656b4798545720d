"""What to say about a credential in a word: whether it works, ends soon, or lies around unused."""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenbooth.clock import Clock
from tokenbooth.console.templates import span
from tokenbooth.management.clients.credentials import CredentialView
from tokenbooth.management.clients.reminders import SOON

_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A badge: its words and its kind (good, warn, bad, plain)."""

    text: str
    kind: str


def marks_of(credential: CredentialView, clock: Clock) -> tuple[Mark, ...]:
    """Return the badges of one credential; the first says whether it works."""
    now = clock.now()
    if credential.status == "expired":
        return (Mark(text="expired", kind="bad"),)
    marks = [Mark(text="valid", kind="good")]
    left = None if credential.expires_at is None else credential.expires_at.timestamp() - now
    if left is not None and left < SOON:
        marks = [Mark(text=f"ends in {span(left)}", kind="warn")]
    if credential.replaced_by is not None:
        marks.append(Mark(text="being replaced", kind="warn"))
    if now - (credential.last_used_at or credential.created_at).timestamp() >= SOON:
        marks.append(Mark(text=f"unused for {SOON // _DAY} days", kind="warn"))
    elif credential.last_used_at is None:
        marks.append(Mark(text="not used yet", kind="plain"))
    return tuple(marks)


def marks_of_all(credentials: Sequence[CredentialView], clock: Clock) -> tuple[Mark, ...]:
    """Return what needs somebody's attention among a client's credentials."""
    if not any(each.status == "valid" for each in credentials):
        return (Mark(text="none valid", kind="bad"),)
    marks = [mark for each in credentials for mark in marks_of(each, clock)]
    return tuple(dict.fromkeys(mark for mark in marks if mark.kind in {"warn", "bad"}))
