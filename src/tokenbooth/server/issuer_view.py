"""One issuer as the endpoints see it: its address, dialect, APIs and keys, and its documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import msgspec

from tokenbooth.protocol.assertion import ASSERTION_ALGORITHMS, PRIVATE_KEY_JWT
from tokenbooth.protocol.client_auth import BASIC, POST
from tokenbooth.protocol.dialects import STANDARD, Dialect, dialect_named
from tokenbooth.protocol.dpop import PROOF_ALGORITHMS
from tokenbooth.protocol.jwt import VerifiedClaims
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS, JWT_BEARER, REFRESH_TOKEN
from tokenbooth.protocol.token_exchange import TOKEN_EXCHANGE
from tokenbooth.server.keyring import NO_KEYS, IssuerKeys
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import DEFAULT_ISSUER, Api, Issuer

TOKEN_PATH = "/oauth2/token"
AUTHORIZATION_PATH = "/oauth2/authorize"
INTROSPECTION_PATH = "/oauth2/introspect"
REVOCATION_PATH = "/oauth2/revoke"
REVOCATION_FEED_PATH = "/oauth2/revocations"
REGISTRATION_PATH = "/oauth2/register"
JWKS_PATH = "/.well-known/jwks.json"
AUTH_METHODS = (BASIC, POST, PRIVATE_KEY_JWT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOffer:
    """What the service can do with TLS certificates, whatever the issuer."""

    methods: tuple[str, ...] = ()
    url: str | None = None  # where clients with certificates reach it, if elsewhere


NO_OFFER = CertificateOffer()


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerView:
    """What does not change between two refreshes of the registry."""

    record: Issuer
    name: str
    url: str  # the issuer identifier, letter by letter as in every token
    dialect: Dialect
    apis: Mapping[str, Api]  # by name
    api_by_audience: Mapping[str, Api]
    keys: IssuerKeys
    grant_types: tuple[str, ...]
    metadata: bytes = field(repr=False)  # RFC 8414 §2, without the signed part
    # What discovery made of it with the signing key; goes with the view.
    documents: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    # Whose signature was checked, by the token's digest, for `recognition` alone.
    verified: dict[bytes, tuple[VerifiedClaims, str | None]] = field(
        default_factory=dict, repr=False, compare=False
    )
    mtls_url: str | None = None  # its place at the address for clients with certificates
    unusable: str | None = None  # why nothing of this issuer can be answered now
    # A new one for every view, so that others can tell views apart without keeping them alive.
    mark: object = field(default_factory=object, repr=False, compare=False)

    @property
    def path(self) -> str:
        """The path under which the issuer's endpoints lie; empty at the root."""
        return urlsplit(self.url).path.rstrip("/")


def view_issuer(
    issuer: Issuer,
    *,
    base_url: str,
    dialect: Dialect,
    apis: tuple[Api, ...],
    keys: IssuerKeys,
    offer: CertificateOffer = NO_OFFER,
) -> IssuerView:
    """Put the view together."""
    url = issuer_url(issuer, base_url)
    # An issuer with an address of its own is not reached under the service's other address.
    is_here = url == base_url or url.startswith(base_url + "/")
    mtls_url = offer.url + url.removeprefix(base_url) if offer.url and is_here else None
    return IssuerView(
        record=issuer,
        name=issuer.name,
        url=url,
        dialect=dialect,
        apis={api.name: api for api in apis},
        api_by_audience={api.audience: api for api in apis},
        keys=keys,
        grant_types=grants_of(issuer),
        metadata=msgspec.json.encode(
            _metadata(issuer, url, dialect, apis, keys, methods=AUTH_METHODS + offer.methods)
            | _certificate_metadata(mtls_url, dialect, offer)
        ),
        mtls_url=mtls_url,
    )


def unusable_issuer(issuer: Issuer, *, base_url: str, why: str) -> IssuerView:
    """Return a view that keeps the issuer's place, so that its clients hear 503 and not 404."""
    standard = dialect_named(STANDARD)
    view = view_issuer(issuer, base_url=base_url, dialect=standard, apis=(), keys=NO_KEYS)
    return replace(view, unusable=why)


def issuer_url(issuer: Issuer, base_url: str) -> str:
    """Return the issuer identifier: its own URL, or its place under the service's address."""
    if issuer.url is not None:
        return issuer.url
    return base_url if issuer.name == DEFAULT_ISSUER else f"{base_url}/{issuer.name}"


def grants_of(issuer: Issuer) -> tuple[str, ...]:
    """Return the grants that the issuer accepts, and so advertises."""
    refreshing = (REFRESH_TOKEN,) if issuer.refresh_tokens else ()
    known = (CLIENT_CREDENTIALS, *refreshing, JWT_BEARER, TOKEN_EXCHANGE)
    return profile_of(issuer).allowed_grants(known)


def _metadata(
    issuer: Issuer,
    url: str,
    dialect: Dialect,
    apis: tuple[Api, ...],
    keys: IssuerKeys,
    *,
    methods: tuple[str, ...],
) -> dict[str, object]:
    profile = profile_of(issuer)
    methods = profile.allowed_methods(methods)
    algorithms = profile.allowed_algorithms(ASSERTION_ALGORITHMS)
    return {
        "issuer": url,
        **_endpoint("token", url + dialect.token_path, methods, algorithms),
        "grant_types_supported": grants_of(issuer),
        # Some clients read no metadata without it; whoever goes there is told that it is not.
        "authorization_endpoint": url + AUTHORIZATION_PATH,
        "response_types_supported": [],  # RFC 8414 §2: required, even where there are none
        "scopes_supported": sorted({scope.name for api in apis for scope in api.scopes}),
        **_detail_types(apis),
        # RFC 9449 §5.1
        "dpop_signing_alg_values_supported": profile.allowed_algorithms(PROOF_ALGORITHMS),
        "jwks_uri": url + JWKS_PATH,
        **_endpoint("introspection", url + INTROSPECTION_PATH, methods, algorithms),
        "introspection_signing_alg_values_supported": _signing_algorithms(keys, issuer),
        **_endpoint("revocation", url + REVOCATION_PATH, methods, algorithms),
        "revocation_feed_endpoint": url + REVOCATION_FEED_PATH,
        "registration_endpoint": url + REGISTRATION_PATH,  # RFC 7591 §3
    }


def _signing_algorithms(keys: IssuerKeys, issuer: Issuer) -> list[str]:
    """Return what signs now, and then what will or did: all are published (RFC 9701 §7)."""
    current = keys.signing.public.alg if keys.signing is not None else issuer.alg
    return list(dict.fromkeys([current, *(key.alg for key in keys.published)]))


def _detail_types(apis: tuple[Api, ...]) -> dict[str, object]:
    """Return what RFC 9396 §10 publishes, where an API has details at all."""
    types = sorted({kind.type for api in apis for kind in api.policy.authorization_details})
    return {"authorization_details_types_supported": types} if types else {}


def _endpoint(
    name: str, url: str, methods: tuple[str, ...], algorithms: tuple[str, ...]
) -> dict[str, object]:
    """Return an endpoint where clients authenticate, and by what (RFC 8414 §2)."""
    return {
        f"{name}_endpoint": url,
        f"{name}_endpoint_auth_methods_supported": methods,
        f"{name}_endpoint_auth_signing_alg_values_supported": algorithms,
    }


def _certificate_metadata(
    mtls_url: str | None, dialect: Dialect, offer: CertificateOffer
) -> dict[str, object]:
    """Return what RFC 8705 §3.3 and §5 publish, where the service sees certificates at all."""
    if not offer.methods:
        return {}
    members: dict[str, object] = {"tls_client_certificate_bound_access_tokens": True}
    if mtls_url is not None:
        members["mtls_endpoint_aliases"] = {
            "token_endpoint": mtls_url + dialect.token_path,
            "introspection_endpoint": mtls_url + INTROSPECTION_PATH,
            "revocation_endpoint": mtls_url + REVOCATION_PATH,
        }
    return members
