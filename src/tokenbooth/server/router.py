"""Which endpoint of which issuer a path means: one look-up, ahead of any framework."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tokenbooth.server.endpoints.authorization import authorization
from tokenbooth.server.endpoints.discovery import key_set, metadata
from tokenbooth.server.endpoints.introspection import introspection
from tokenbooth.server.endpoints.registration import registered_client, registration
from tokenbooth.server.endpoints.revocation import revocation
from tokenbooth.server.endpoints.revocation_feed import revocation_feed
from tokenbooth.server.endpoints.token import token
from tokenbooth.server.endpoints.unusable import unusable
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import (
    AUTHORIZATION_PATH,
    INTROSPECTION_PATH,
    JWKS_PATH,
    REGISTRATION_PATH,
    REVOCATION_FEED_PATH,
    REVOCATION_PATH,
    TOKEN_PATH,
    IssuerView,
)
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.records import DEFAULT_ISSUER
from tokenbooth.server.service import Service

Endpoint = Callable[[Exchange, IssuerView, Service, Outcome], Awaitable[None]]

_ANY_NAME = "/*"  # as the last segment: one thing of many
_WELL_KNOWN = ("oauth-authorization-server", "openid-configuration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An endpoint of an issuer."""

    endpoint: Endpoint
    issuer: IssuerView


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Every route: for any host, and for hosts that an issuer owns."""

    anywhere: Mapping[str, Route]
    by_host: Mapping[str, Mapping[str, Route]]

    def find(self, path: str, host: str | None) -> Route | None:
        """Return the route; a host that an issuer owns comes first."""
        if self.by_host and host is not None:
            own = _find(self.by_host.get(_bare(host), {}), path)
            if own is not None:
                return own
        return _find(self.anywhere, path)


def _find(routes: Mapping[str, Route], path: str) -> Route | None:
    return routes.get(path) or routes.get(path.rpartition("/")[0] + _ANY_NAME)


def make_routes(issuers: Iterable[IssuerView]) -> Routes:
    """Lay out the endpoints of all issuers."""
    by_name: dict[str, Route] = {}
    by_url: dict[str, Route] = {}
    by_host: dict[str, dict[str, Route]] = {}
    for issuer in issuers:
        by_name |= _paths(issuer, "" if issuer.name == DEFAULT_ISSUER else f"/{issuer.name}")
        if issuer.record.url is None:
            by_url |= _paths(issuer, issuer.path)
        else:
            owned = by_host.setdefault(_bare(urlsplit(issuer.url).netloc), {})
            owned |= _paths(issuer, issuer.path)
    # The path of an issuer's own URL wins: tokens from there must name that issuer, even where
    # another issuer is called like a part of the service's address.
    return Routes(anywhere=by_name | by_url, by_host=by_host)


def _bare(host: str) -> str:
    # Some clients write the port that the scheme implies.
    return host.lower().removesuffix(":443").removesuffix(":80")


def _paths(issuer: IssuerView, prefix: str) -> dict[str, Route]:
    endpoints: dict[str, Endpoint] = {
        prefix + TOKEN_PATH: token,
        prefix + issuer.dialect.token_path: token,
        prefix + AUTHORIZATION_PATH: authorization,
        prefix + INTROSPECTION_PATH: introspection,
        prefix + REVOCATION_PATH: revocation,
        prefix + REVOCATION_FEED_PATH: revocation_feed,
        prefix + JWKS_PATH: key_set,
        prefix + REGISTRATION_PATH: registration,
        prefix + REGISTRATION_PATH + _ANY_NAME: registered_client,
    }
    for name in _WELL_KNOWN:
        # RFC 8414 §3.1 inserts the well-known part before the issuer's path; OpenID Connect
        # appends it. Clients try both.
        endpoints[f"/.well-known/{name}{prefix}"] = metadata
        endpoints[f"{prefix}/.well-known/{name}"] = metadata
    if issuer.unusable is not None:
        endpoints = dict.fromkeys(endpoints, unusable)
    return {path: Route(endpoint=endpoint, issuer=issuer) for path, endpoint in endpoints.items()}
