"""A configuration file as values: which tables and keys there are, and what they may hold.

What is left out has its usual value; where that is not so, a comment here says it.
"""

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from tokenbooth.protocol.authorization_details import DetailType
from tokenbooth.server.records import ProfileName, TokenFormat


class TrustEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens of an OpenID issuer that speak for a client."""

    issuer: str
    rules: tuple[str, ...]
    jwks_uri: str | None = None
    copied_claims: tuple[str, ...] = ()
    single_use: bool = True


class SpiffeEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """JWT-SVIDs that speak for a client."""

    id: str
    trust_domain: str
    bundle_endpoint: str
    rules: tuple[str, ...] = ()
    copied_claims: tuple[str, ...] = ()
    single_use: bool = True


class CredentialEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing a client proves itself with; exactly one of its kinds is said.

    Its label and its end, left out, stay as they are: people rotate what a file brought.
    """

    label: str | UnsetType = UNSET
    expires_at: datetime | UnsetType = UNSET
    secret: str | UnsetType = UNSET  # env:NAME or file:PATH
    jwk: dict[str, Any] | str | UnsetType = UNSET  # a JWK or JWKS; file:PATH, PEM or JSON
    alg: str | None = None  # of that key, where it does not say so itself
    jwks_uri: str | UnsetType = UNSET
    certificate: str | UnsetType = UNSET  # file:PATH or PEM
    subject_dn: str | UnsetType = UNSET
    san_dns: str | UnsetType = UNSET
    san_uri: str | UnsetType = UNSET
    san_ip: str | UnsetType = UNSET
    san_email: str | UnsetType = UNSET
    trust: TrustEntry | UnsetType = UNSET
    spiffe: SpiffeEntry | UnsetType = UNSET


class AccessEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client may have of one API; the scopes left out are all that the API has."""

    api: str
    scopes: tuple[str, ...] | UnsetType = UNSET


class ClientEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client. Methods and grants, left out, are those that it has and its credentials need."""

    name: str = ""
    description: str = ""
    account: str | None = None
    enabled: bool = True
    access: tuple[AccessEntry, ...] = ()
    resource_server_for: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] | UnsetType = UNSET
    grant_types: tuple[str, ...] | UnsetType = UNSET
    token_format: TokenFormat | None = None
    token_lifetime: int | None = None
    refresh_tokens: bool | None = None
    dpop_bound: bool = False
    dpop_nonce: bool = False
    certificate_bound: bool | None = None
    networks: tuple[str, ...] = ()
    networks_observe: bool = False
    quota_per_hour: int | None = None
    quota_observe: bool = False
    claims: dict[str, Any] | str = field(default_factory=dict)  # a text is JSON: TOML has no null
    authorization_details: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    credentials: tuple[CredentialEntry, ...] = ()


class ApiEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API; its scopes are a table of name and description, or a list of names."""

    audience: str
    scopes: dict[str, str] | tuple[str, ...] = ()
    self_service: bool = False
    claims: dict[str, Any] | str = field(default_factory=dict)  # as those of a client
    authorization_details: tuple[DetailType, ...] = ()


class IssuerEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of an issuer. One of which none is said stays as it is."""

    url: str | UnsetType = UNSET
    dialect: str | UnsetType = UNSET
    token_format: TokenFormat | UnsetType = UNSET  # left out: the dialect's, and so on
    token_lifetime: int | UnsetType = UNSET
    refresh_tokens: bool | UnsetType = UNSET
    refresh_lifetime: int | UnsetType = UNSET
    alg: str | UnsetType = UNSET
    profile: ProfileName | UnsetType = UNSET
    dpop_nonce: bool | UnsetType = UNSET
    distrusted_issuers: tuple[str, ...] | UnsetType = UNSET
    key_lifetime_days: int | UnsetType = UNSET
    key_publish_ahead: int | UnsetType = UNSET

    @property
    def is_silent(self) -> bool:
        """Whether no setting is said."""
        return all(getattr(self, name) is UNSET for name in self.__struct_fields__)


class AccountEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account."""

    title: str = ""


# The tables of one file that hold other tables, and what each of their keys holds.
NESTED: dict[type, dict[str, type]] = {
    ApiEntry: {"authorization_details": DetailType},
    ClientEntry: {"access": AccessEntry, "credentials": CredentialEntry},
    CredentialEntry: {"trust": TrustEntry, "spiffe": SpiffeEntry},
}
CREDENTIAL_KINDS = (
    "secret",
    "jwk",
    "jwks_uri",
    "certificate",
    "subject_dn",
    "san_dns",
    "san_uri",
    "san_ip",
    "san_email",
    "trust",
    "spiffe",
)
Kind = Literal["account", "issuer", "api", "client"]
