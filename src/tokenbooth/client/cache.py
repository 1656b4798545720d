"""How long a token at hand is served, and when it is renewed."""

from dataclasses import dataclass, field

from tokenbooth.client.token import Token
from tokenbooth.protocol.secret import Secret

LONGEST_MARGIN = 60.0
SHORTEST_HOLD = 1.0
HOLD_OF_EXPIRED = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldToken:
    """A token at hand, with moments on the monotonic clock."""

    token: Token
    renew_at: float
    good_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRefreshToken:
    """A refresh token at hand, with its end on the monotonic clock."""

    refresh_token: Secret = field(repr=False)
    good_until: float


def margin(lifetime: float) -> float:
    """Return how long before its end a token is renewed: 60 s, less for short-lived ones."""
    return min(LONGEST_MARGIN, lifetime / 5)


def hold(
    token: Token, *, lifetime: float, asked_at: float, received_at: float, ahead: float = 0.0
) -> HeldToken:
    """Return the token with its moments; its life began at the latest when it was asked for.

    It is renewed so many seconds earlier than it must.
    A server may hand out a token that is over, or nearly. It is served for a moment all the same:
    asking again at once would bring the same one, in a loop.
    """
    if lifetime <= 0:
        end = received_at + HOLD_OF_EXPIRED
        return HeldToken(token=token, renew_at=end, good_until=end)
    good_until = asked_at + lifetime
    renew_at = max(good_until - margin(lifetime) - ahead, received_at + SHORTEST_HOLD)
    return HeldToken(token=token, renew_at=renew_at, good_until=max(good_until, renew_at))
