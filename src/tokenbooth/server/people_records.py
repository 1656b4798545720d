"""People and what they ask for, as stored. Times are seconds since 1970 UTC."""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["operator", "auditor", "owner", "member"]
InvitationKind = Literal["invitation", "password_reset"]
RequestStatus = Literal["pending", "approved", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Someone who signs in. Operators have no account, owners and members have one.

    An auditor without an account reads everything, one with an account reads that account's.
    """

    id: str
    email: str  # in lower case; unique
    name: str = ""
    role: Role
    account: str | None = None
    enabled: bool = True
    # Argon2id; None: signs in elsewhere.
    password_hash: str | None = field(default=None, repr=False)
    identity: str | None = None  # "<issuer> <subject>" at the OIDC provider; unique
    # The sealed secret; None: no second factor.
    totp: bytes | None = field(default=None, repr=False)
    totp_step: int = 0  # the newest time step of which a code was taken
    # Digests of those that are left.
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)
    created_at: float
    last_sign_in_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser. Its cookie is not stored, only the cookie's digest."""

    digest: str  # SHA-256 of the cookie's value, in hex
    member: str
    created_at: float
    proved_at: float  # when its member last showed a password, a code or a sign-in elsewhere
    seen_at: float
    expires_at: float
    source: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A one-time link: to become a member, or to choose a new password."""

    digest: str  # SHA-256 of the link's code, in hex
    kind: InvitationKind = "invitation"
    email: str = ""  # empty: whoever follows the link says it (the first operator)
    role: Role
    account: str | None = None
    invited_by: str  # an Actor in text
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptBudget:
    """How many attempts may fail under a key, and how the wait grows beyond them.

    One failure more is forgiven every `forgiven_after` seconds. The first one beyond `free` costs a
    wait of a second, each further one twice as long, up to `longest`.
    """

    key: str
    free: int
    longest: float
    forgiven_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """That an account asks for an API which is not self-service."""

    id: str
    issuer: str
    client_id: str
    account: str
    api: str
    scopes: tuple[str, ...]
    reason: str  # in the words of whoever asks
    requested_by: str  # an Actor in text
    requested_at: float
    status: RequestStatus = "pending"
    decided_by: str | None = None
    decided_at: float | None = None
    decision: str = ""  # in the words of whoever decided


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """The answer to a request with an idempotency key; `status` 0 while it is worked on."""

    key: str
    fingerprint: str  # of the request; another request must not take the same key
    status: int = 0
    headers: str = "{}"  # JSON
    sealed: bytes = b""  # the body, which may hold a secret
    expires_at: float
