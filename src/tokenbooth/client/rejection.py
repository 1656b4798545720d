"""Does an API's answer say that the token was bad? (RFC 6750 §3.1, RFC 9110 §11.6.1)."""

import re
from collections.abc import Iterable

# A scheme or token68, or a parameter with its value; quoted text is skipped as one piece.
_QUOTED = r'"(?:[^"\\]|\\.)*"?'
_PIECE = re.compile(
    rf"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*({_QUOTED}|[^\s,\"]*))?|{_QUOTED}"
)


def names_a_bad_token(status: int, unverified_challenges: Iterable[str]) -> bool:
    """Tell whether a new token may help a call that was sent with one.

    A 401 is taken for a bad token when a Bearer challenge says `invalid_token` or names no error,
    and when there is no challenge at all: many APIs explain nothing. Another error code, or a
    challenge for other schemes alone, speaks of something else. 403 is never about the token.
    """
    if status != 401:
        return False
    errors = bearer_errors(unverified_challenges)
    if errors is None:
        return True
    return any(error in ("invalid_token", "") for error in errors)


def bearer_errors(unverified_challenges: Iterable[str]) -> list[str] | None:
    """Return the error of each Bearer challenge, empty where it names none; None: no challenge."""
    challenged = False
    errors: list[str] = []
    scheme = ""
    for value in unverified_challenges:
        for piece in _PIECE.finditer(value[:8192]):
            name, argument = piece.group(1), piece.group(2)
            if name is None:
                continue
            if argument is None:
                challenged, scheme = True, name.lower()
                if scheme == "bearer":
                    errors.append("")
            elif scheme == "bearer" and name.lower() == "error":
                errors[-1] = argument.strip('"')
    return errors if challenged else None
