"""What a guard may be made of; mistakes are told when it is made, not when somebody calls."""

from collections.abc import Iterable

from tokenbooth.guard.verifier import ASYMMETRIC
from tokenbooth.protocol.metadata import MetadataRefused, check_issuer
from tokenbooth.remote.address import checked_address

MAX_LEEWAY = 60.0  # seconds; more would keep dead tokens alive
MIN_LAG = 5.0  # seconds; less would refuse good tokens whenever an answer is late
MIN_POLL = 0.1


def check_place(issuer: str, audience: str, *, allow_plain_http: bool) -> None:
    """Refuse an issuer that is none, and an audience that no token names; raises ValueError."""
    try:
        check_issuer(issuer)
    except MetadataRefused as error:
        raise ValueError(str(error)) from error
    checked_address(issuer, allow_plain_http=allow_plain_http)
    if not audience or audience != audience.strip():
        raise ValueError("audience must name this API as its tokens do, without spaces around")


def check_times(
    *,
    leeway: float,
    cache_seconds: float,
    cache_size: int,
    revocation_max_lag: float,
    revocation_poll_seconds: float,
) -> None:
    """Refuse times under which tokens would live too long or die too soon; raises ValueError."""
    if not 0 <= leeway <= MAX_LEEWAY:
        raise ValueError(f"leeway must be 0 to {MAX_LEEWAY:.0f} seconds")
    if cache_seconds < 0 or cache_size < 1:
        raise ValueError("cache_seconds must be at least 0 and cache_size at least 1")
    if revocation_max_lag < MIN_LAG or not MIN_POLL <= revocation_poll_seconds <= MIN_LAG:
        raise ValueError(
            f"revocation_max_lag must be at least {MIN_LAG:g} seconds and "
            f"revocation_poll_seconds from {MIN_POLL:g} to {MIN_LAG:g}"
        )


def checked_algorithms(algorithms: Iterable[str]) -> frozenset[str]:
    """Return the algorithms; raises ValueError for others than signatures with a public key."""
    allowed = frozenset(algorithms)
    if not allowed or not allowed <= set(ASYMMETRIC):
        raise ValueError(f"algorithms must be some of {', '.join(ASYMMETRIC)}")
    return allowed
