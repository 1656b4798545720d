"""The rows that a store keeps, as frozen values. Times are seconds since 1970 UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tokenbooth.protocol.authorization_details import DetailType

TokenFormat = Literal["jwt", "opaque"]
CredentialKind = Literal["secret", "jwk", "certificate", "federated"]
ProfileName = Literal["oauth21", "fapi2"]
KeyPurpose = Literal["sign", "seal", "pepper"]
ChangeKind = Literal["issuer", "api", "client", "key"]

DEFAULT_ISSUER = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerPolicy:
    """What an issuer may be told beyond its identity. Every policy is whole by its defaults."""

    profile: ProfileName = "oauth21"
    distrusted_issuers: tuple[str, ...] = ()  # whose tokens no client may show, whatever it trusts
    dpop_nonce: bool = False  # every DPoP proof must hold a nonce of ours (RFC 9449 §8)
    key_lifetime_days: int = 90  # how long a key is in use before the next one follows
    # How long, in seconds, a key is published before its use; some verifiers cache for 12 hours.
    key_publish_ahead: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPolicy:
    """What an API may be told beyond its audience and scopes."""

    claims: Mapping[str, Any] = field(default_factory=dict)  # JSON, in every token for it
    authorization_details: tuple[DetailType, ...] = ()  # what it understands (RFC 9396)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPolicy:
    """What a client may be told beyond its access."""

    dpop_bound: bool = False  # tokens only with a DPoP proof (RFC 9449 §5.2)
    dpop_nonce: bool = False  # its proofs must hold a nonce, wherever the issuer asks for none
    certificate_bound: bool | None = None  # None: when it authenticates by certificate
    networks: tuple[str, ...] = ()  # CIDR ranges it must call from; none: anywhere
    networks_observe: bool = False  # only log what `networks` would refuse
    quota_per_hour: int | None = None  # tokens
    quota_observe: bool = False  # only log what the quota would refuse
    claims: Mapping[str, Any] = field(default_factory=dict)  # JSON, in every token it gets
    authorization_details: tuple[str, ...] = ()  # the types it may ask for (RFC 9396)
    # Names of APIs whose tokens it may exchange (RFC 8693), beside those that it serves.
    exchanges: tuple[str, ...] = ()
    registration: str | None = None  # which one, if it registered itself (RFC 7591)
    description: str = ""  # for people: what it is for, where its secret is kept
    # Who disabled it: what an operator disabled, the account that owns it cannot enable.
    disabled_by: Literal["operator", "account"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """One authorization server identity (RFC 8414): production and sandbox are two."""

    name: str
    tag: str  # the short mark inside its clients' secrets; unique, [a-z0-9]
    url: str | None = None  # None: derived from the service's own address
    dialect: str = "standard"
    token_format: TokenFormat = "jwt"
    token_lifetime: int = 3600  # seconds
    refresh_tokens: bool = False
    refresh_lifetime: int = 1800  # seconds
    alg: str = "ES256"
    created_at: float
    policy: IssuerPolicy = IssuerPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiScope:
    """One scope of an API, and what it means in words."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A protected resource: an audience (RFC 8707) and its scopes."""

    issuer: str
    name: str
    audience: str
    scopes: tuple[ApiScope, ...] = ()
    self_service: bool = False
    created_at: float
    policy: ApiPolicy = ApiPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAccess:
    """Which of an API's scopes a client may have."""

    api: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered machine. The first entry of `access` is its default API."""

    issuer: str
    client_id: str
    name: str = ""
    account: str | None = None
    enabled: bool = True
    auth_methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post")
    grant_types: tuple[str, ...] = ("client_credentials", "refresh_token")
    access: tuple[ApiAccess, ...] = ()
    resource_server_for: tuple[str, ...] = ()  # names of APIs whose tokens it may introspect
    token_format: TokenFormat | None = None  # None: the issuer's
    token_lifetime: int | None = None  # seconds; None: the issuer's
    refresh_tokens: bool | None = None  # False: none, even where the issuer gives them
    created_at: float
    updated_at: float
    policy: ClientPolicy = ClientPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One thing a client can prove itself with."""

    id: str
    issuer: str
    client_id: str
    kind: CredentialKind
    data: str  # the digest of a secret, or JSON (the public JWK, ...); never the secret
    label: str = ""
    hint: str = ""  # the secret's last four characters, or the key's thumbprint
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    last_used_from: str | None = None
    replaced_by: str | None = None  # the id of the secret that follows it, while both are there
    former_expires_at: float | None = None  # what `expires_at` was before it was replaced

    def is_valid_at(self, now: float) -> bool:
        """Whether it may still be used at `now`."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedCredential:
    """A credential, and the account that owns its client."""

    credential: Credential
    account: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredClient:
    """A client and everything it can prove itself with, read in one piece."""

    client: Client
    credentials: tuple[Credential, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUse:
    """That a credential was used, for its owner to see."""

    issuer: str
    client_id: str
    credential_id: str
    at: float
    source: str
    agent: str = ""  # the User-Agent, shortened
    count: int = 1  # how many uses these are


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key of the service; its private half is sealed under the master key."""

    kid: str
    issuer: str
    purpose: KeyPurpose
    alg: str
    sealed: bytes
    public_jwk: str = ""  # JSON; empty for symmetric keys
    created_at: float
    activates_at: float
    retires_at: float | None = None  # no longer used for new tokens from then on
    expires_at: float | None = None  # no longer published or accepted from then on
    # The longest that a token lived, in seconds and with a margin, while the key was in use.
    kept: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Something that is no longer valid, kept until it would have expired anyway.

    `key` reads `jti:<id>` for one token, `sid:<id>` for a family of refreshed tokens,
    `credential:<id>` for what one credential was used to get, `client:<id>`, and `issuer:`.
    """

    issuer: str
    key: str
    expires_at: float
    before: float | None = None  # only tokens issued at or before then; None: all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationPage:
    """Revocations in the order of their commits, and the cursor to go on from."""

    revocations: tuple[Revocation, ...]
    cursor: int
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The customer that owns clients."""

    name: str
    title: str = ""
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of the store's history: what to read again."""

    revision: int
    kind: ChangeKind
    issuer: str
    id: str
