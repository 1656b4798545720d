"""Does an API's answer say that the token was bad? (RFC 6750 §3.1, RFC 9110 §11.6.1)."""

import re
from collections.abc import Iterable

# A scheme or token68, or a parameter with its value; quoted text is skipped as one piece.
_QUOTED = r'"(?:[^"\\]|\\.)*"?'
_PIECE = re.compile(
    rf"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*({_QUOTED}|[^\s,\"]*))?|{_QUOTED}"
)


def names_a_bad_token(
    status: int, unverified_challenges: Iterable[str], scheme: str = "Bearer"
) -> bool:
    """Tell whether a new token may help a call that was sent with one by that scheme.

    A 401 is taken for a bad token when a challenge for the scheme says `invalid_token` or names no
    error, and when there is no challenge at all: many APIs explain nothing. Another error code, or
    a challenge for other schemes alone, speaks of something else. 403 is never about the token.
    """
    if status != 401:
        return False
    errors = challenge_errors(unverified_challenges, scheme)
    if errors is None:
        return True
    return any(error in ("invalid_token", "") for error in errors)


def demands_a_nonce(status: int, unverified_challenges: Iterable[str]) -> bool:
    """Tell whether a call failed for want of a fresh nonce alone (RFC 9449 §9)."""
    if status != 401:
        return False
    return "use_dpop_nonce" in (challenge_errors(unverified_challenges, "DPoP") or ())


def challenge_errors(unverified_challenges: Iterable[str], scheme: str) -> list[str] | None:
    """Return the error of each challenge for the scheme, "" where it names none.

    None where there is no challenge, for whatever scheme.
    """
    wanted = scheme.lower()
    challenged = False
    errors: list[str] = []
    current = ""
    for value in unverified_challenges:
        for piece in _PIECE.finditer(value[:8192]):
            name, argument = piece.group(1), piece.group(2)
            if name is None:
                continue
            if argument is None:
                challenged, current = True, name.lower()
                if current == wanted:
                    errors.append("")
            elif current == wanted and name.lower() == "error":
                errors[-1] = argument.strip('"')
    return errors if challenged else None
