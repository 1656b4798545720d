"""Show the keys with which issuers sign and seal their tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tokenbooth.management.issuers import find_issuer
from tokenbooth.management.moments import moment
from tokenbooth.server.bootstrap import SERVICE, Booth
from tokenbooth.server.records import KeyPurpose, StoredKey

KeyStatus = Literal["next", "current", "retired", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key as people see it: never its private half."""

    kid: str
    issuer: str
    purpose: KeyPurpose
    alg: str
    status: KeyStatus
    created_at: datetime
    activates_at: datetime
    retires_at: datetime | None
    expires_at: datetime | None


async def list_keys(booth: Booth, *, issuer: str | None = None) -> tuple[KeyView, ...]:
    """Return the keys of one issuer, or of all, by issuer and purpose, oldest first."""
    if issuer is not None:
        await find_issuer(booth, issuer)
    stored = [
        key
        for key in await booth.store.list_keys()
        if key.issuer != SERVICE and issuer in (None, key.issuer)
    ]
    now = booth.clock.now()
    stored.sort(key=lambda key: (key.issuer, key.purpose, key.created_at))
    return tuple(_view(key, _status(key, stored, now)) for key in stored)


def _status(key: StoredKey, keys: Iterable[StoredKey], now: float) -> KeyStatus:
    if key.expires_at is not None and now >= key.expires_at:
        return "expired"
    if now < key.activates_at:
        return "next"
    active = [
        each
        for each in keys
        if (each.issuer, each.purpose) == (key.issuer, key.purpose)
        and each.activates_at <= now
        and (each.retires_at is None or now < each.retires_at)
        and (each.expires_at is None or now < each.expires_at)
    ]
    newest = max(
        active, key=lambda each: (each.activates_at, each.created_at, each.kid), default=None
    )
    return "current" if newest is not None and newest.kid == key.kid else "retired"


def _view(key: StoredKey, status: KeyStatus) -> KeyView:
    return KeyView(
        kid=key.kid,
        issuer=key.issuer,
        purpose=key.purpose,
        alg=key.alg,
        status=status,
        created_at=moment(key.created_at),
        activates_at=moment(key.activates_at),
        retires_at=moment(key.retires_at),
        expires_at=moment(key.expires_at),
    )
