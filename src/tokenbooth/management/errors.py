"""What managing the service can refuse; every text is for the person who asked.

ManagementError
├── BadInput    a value that cannot be used
│   └── Ambiguous   the client id exists at several issuers
├── Missing     there is nothing of that name
├── Conflict    the name is taken, or something else refers to it
│   └── Outdated    somebody else changed it meanwhile
├── NotAllowed  whoever asks has no right to it
├── SignInRefused   the one answer to everybody who could not prove who they are
├── TooManyAttempts  failed too often: come back later
└── Failed      something that the work needs does not do its part
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

_SHOWN_NAMES = 12


class ManagementError(Exception):
    """Base of what this package raises."""

    code: ClassVar[str] = "failed"


class BadInput(ManagementError):
    """A value that cannot be used; the text says what to give instead."""

    code = "bad_input"


class Ambiguous(BadInput):
    """The client id exists at several issuers, named in `issuers`."""

    code = "ambiguous"

    def __init__(self, client_id: str, issuers: tuple[str, ...]) -> None:
        super().__init__(
            f"A client {client_id!r} exists at the issuers {', '.join(issuers)}: name one of them."
        )
        self.issuers = issuers


class Missing(ManagementError):
    """There is nothing of that name; the text says what there is."""

    code = "not_found"


class Conflict(ManagementError):
    """The name is taken, or something else refers to it."""

    code = "conflict"


class Outdated(Conflict):
    """Somebody else changed it meanwhile; nothing was overwritten."""

    code = "outdated"


class NotAllowed(ManagementError):
    """Whoever asks has no right to it; the text names the right."""

    code = "not_allowed"


class SignInRefused(ManagementError):
    """Who wants to sign in is not known, or did not prove it; the text tells nobody which."""

    code = "sign_in_refused"


class TooManyAttempts(ManagementError):
    """Too many attempts failed, or too many come at once: the next is looked at in `seconds`."""

    code = "too_many_attempts"

    def __init__(self, text: str, *, seconds: int) -> None:
        super().__init__(text)
        self.seconds = seconds


class Failed(ManagementError):
    """Something that the work needs, like a device, does not do its part."""

    code = "failed"


def no_such(kind: str, name: str, existing: Iterable[str], *, where: str = "") -> str:
    """Say that `name` is unknown, and which known one was perhaps meant."""
    names = list(existing)
    text = f"There is no {kind} {name!r}{where}."
    if not names:
        return f"{text} There is none yet."
    near = get_close_matches(name, names, n=1)
    if near:
        return f"{text} Did you mean {near[0]!r}?"
    more = ", …" if len(names) > _SHOWN_NAMES else ""
    return f"{text} There are: {', '.join(names[:_SHOWN_NAMES])}{more}."
