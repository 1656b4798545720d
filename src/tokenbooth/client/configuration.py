"""Check what a token source is told, once, before anything goes out."""

from collections.abc import Iterable, Mapping

from tokenbooth.client.errors import ConfigurationRefused
from tokenbooth.client.exchange import AUTH_METHODS, Wish
from tokenbooth.protocol.dialects import Dialect, DialectRefused
from tokenbooth.protocol.errors import InvalidScope
from tokenbooth.protocol.metadata import MetadataRefused, check_issuer
from tokenbooth.protocol.scope import Scope
from tokenbooth.remote.address import AddressRefused, checked_address
from tokenbooth.remote.dialect_file import find_dialect

# What the source itself writes into the request.
_OWN_PARAMETERS = frozenset(
    {
        "grant_type",
        "scope",
        "resource",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "refresh_token",
    }
)


def check_place(issuer: str | None, token_url: str | None, *, allow_plain_http: bool) -> None:
    """Refuse a source that does not know where to ask, or would ask in the clear."""
    if not issuer and not token_url:
        raise ConfigurationRefused("Give the issuer, or the token_url where there is no discovery.")
    try:
        if issuer:
            check_issuer(issuer)
        for url in filter(None, (issuer, token_url)):
            checked_address(url, allow_plain_http=allow_plain_http)
    except (AddressRefused, MetadataRefused) as error:
        raise ConfigurationRefused(str(error)) from error


def check_auth_method(auth_method: str | None, client_id: str) -> None:
    """Refuse a way to authenticate that does not exist or cannot carry this client ID."""
    if auth_method is not None and auth_method not in AUTH_METHODS:
        known = ", ".join(AUTH_METHODS)
        raise ConfigurationRefused(f"Choose auth_method from {known}, or leave it out.")
    if auth_method == "basic-raw" and ":" in client_id:
        raise ConfigurationRefused('Use auth_method="basic": the client ID contains a colon.')


def wish_for(
    client_id: str,
    scope: str | Iterable[str] | None,
    resource: str | Iterable[str] | None,
    parameters: Mapping[str, str] | None,
    dialect: str | Dialect,
) -> Wish:
    """Return what to ask for; raises ConfigurationRefused."""
    if not client_id or not client_id.isprintable():
        raise ConfigurationRefused("Give a client_id of printable characters.")
    parameters = parameters or {}
    if not all(text.isprintable() for pair in parameters.items() for text in pair):
        raise ConfigurationRefused("Give parameters as printable texts.")
    own = _OWN_PARAMETERS.intersection(parameters)
    if own:
        raise ConfigurationRefused(f"Leave {', '.join(sorted(own))} out of parameters.")
    try:
        spoken = find_dialect(dialect)
        if scope is None:
            scope = spoken.client.scope
        wanted = Scope.parse(scope) if isinstance(scope, str) else Scope.of(scope)
    except (DialectRefused, InvalidScope) as error:
        raise ConfigurationRefused(str(error)) from error
    resources = (resource,) if isinstance(resource, str) else tuple(resource or ())
    for each in resources:
        scheme, colon, rest = each.partition(":")
        if not colon or not scheme or not rest or "#" in each or not each.isprintable():
            # RFC 8707 §2
            raise ConfigurationRefused("Give each resource as absolute URI without a fragment.")
    return Wish(
        client_id=client_id,
        scope=wanted,
        resources=resources,
        parameters=tuple(parameters.items()),
        dialect=spoken,
    )
