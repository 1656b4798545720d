"""Stored times as people and programs read them."""

from datetime import UTC, datetime
from typing import overload

# Beyond the year 9999 there is no datetime; such a time means "never" to everybody.
_LAST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@overload
def moment(seconds: float) -> datetime: ...
@overload
def moment(seconds: None) -> None: ...
def moment(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as a UTC time, in whole seconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(min(seconds, _LAST)), UTC)
