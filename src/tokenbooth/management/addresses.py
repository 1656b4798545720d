"""Where an issuer is reached: its URL, and its dialect's token endpoint."""

from tokenbooth.protocol.dialects import STANDARD, Dialect
from tokenbooth.server import issuer_view
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Issuer


def service_url(booth: Booth) -> str:
    """Return the public address of the service, which is the default issuer's."""
    settings = booth.settings
    if settings.issuer_url is not None:
        return settings.issuer_url
    scheme = "https" if settings.tls_cert is not None else "http"
    # Listening on every address, the service calls itself by the nearest one.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}:{settings.port}"


def issuer_url(booth: Booth, issuer: Issuer) -> str:
    """Return the issuer identifier as the running service has it."""
    return issuer_view.issuer_url(issuer, service_url(booth))


def dialect_of(booth: Booth, issuer: Issuer) -> Dialect:
    """Return the issuer's dialect; the standard one where its file is gone."""
    return booth.dialects.get(issuer.dialect) or booth.dialects[STANDARD]


def token_endpoint(booth: Booth, issuer: Issuer) -> str:
    """Return where the issuer's clients ask for tokens, in its dialect."""
    return issuer_url(booth, issuer) + dialect_of(booth, issuer).token_path
