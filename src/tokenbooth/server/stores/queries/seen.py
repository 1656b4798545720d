"""Refusing to replace what somebody else changed meanwhile."""

from tokenbooth.server.stores.contract import Stale


def require_seen(current: object, seen: object) -> None:
    """Raise Stale unless what is stored now is what was seen."""
    if current != seen:
        raise Stale("It was changed by somebody else meanwhile. Look at it again, then try again.")
