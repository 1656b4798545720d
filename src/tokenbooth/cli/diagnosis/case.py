"""What is examined: what the command line asks for, and what the checks found out so far."""

import ssl
from dataclasses import dataclass, field

from tokenbooth.cli.diagnosis.mask import Mask
from tokenbooth.client.token import Token
from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.protocol.dialects import Dialect
from tokenbooth.protocol.metadata import ServerMetadata
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.fetch import HttpFetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asks for; `secret` may be one that was typed, so it is not shown."""

    issuer: str | None
    token_url: str | None
    client_id: str | None
    secret: str | None = field(repr=False)
    scope: str | None
    resource: str | None
    dialect: Dialect
    auth_method: str | None
    api: str | None
    allow_plain_http: bool
    timeout: float  # seconds for each step
    total: float  # seconds for all of them

    @property
    def start(self) -> str:
        """The address that is asked first."""
        return self.issuer or self.token_url or ""


@dataclass(slots=True, kw_only=True)
class Case:
    """What is known so far; each check adds what later ones build on."""

    order: Order
    mask: Mask
    clock: Clock = SYSTEM_CLOCK
    secret: Secret | None = None
    withheld: str = ""  # why the secret may not be sent
    tls: ssl.SSLContext | None = None
    fetch: HttpFetch | None = None  # None: nothing can be fetched
    examined: set[tuple[str, int]] = field(default_factory=set)  # hosts and ports
    metadata: ServerMetadata | None = None
    token: Token | None = None
    audience: tuple[str, ...] = ()  # of the token
    skew: float | None = None  # seconds by which this machine's clock is ahead
