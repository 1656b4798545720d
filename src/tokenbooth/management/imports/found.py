"""What an export of another system holds, in our words. Readers of exports return this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenbooth.protocol.secret import Secret
from tokenbooth.server.records import TokenFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSecret:
    """A secret in clear, or its hash as the other system keeps it."""

    clear: Secret | None = None
    hash: str | None = field(default=None, repr=False)
    label: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """A public key, where keys are published, or by which certificate a client is known."""

    text: str | None = None  # JWK, JWKS or PEM
    alg: str | None = None
    jwks_uri: str | None = None
    subject_dn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundApi:
    """An audience, and what may be asked for there."""

    audience: str
    name: str
    scopes: Mapping[str, str] = field(default_factory=dict)  # and their descriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAccess:
    """What a client may have of one audience."""

    audience: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundClient:
    """A client, and what of it has no place here."""

    client_id: str
    name: str = ""
    description: str = ""
    enabled: bool = True
    access: tuple[FoundAccess, ...] = ()
    auth_methods: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    secrets: tuple[FoundSecret, ...] = ()
    keys: tuple[FoundKey, ...] = ()
    token_format: TokenFormat | None = None
    token_lifetime: int | None = None
    dpop_bound: bool = False
    certificate_bound: bool | None = None
    quota_per_hour: int | None = None
    quota_observe: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""  # why it needs a new secret or key
    lost: tuple[str, ...] = ()  # what could not be carried over


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A client that is not taken over."""

    client_id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that an export holds."""

    system: str
    apis: tuple[FoundApi, ...] = ()
    clients: tuple[FoundClient, ...] = ()
    skipped: tuple[Skipped, ...] = ()
