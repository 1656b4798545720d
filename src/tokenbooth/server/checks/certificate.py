"""Checks of the service's own TLS certificate."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from tokenbooth.server.checks.finding import Finding, error, warning
from tokenbooth.server.settings import Settings, SettingsRefused
from tokenbooth.server.tls_listener import TlsListener

_DAY = 86_400
_SOON_DAYS = 14


def check_certificate(settings: Settings, now: float) -> Iterator[Finding]:
    """Yield what is wrong with certificate and key, if the service ends TLS itself."""
    if settings.tls_cert is None:
        return
    try:
        TlsListener.of(settings)
        certificate = x509.load_pem_x509_certificates(Path(settings.tls_cert).read_bytes())[0]
    except (SettingsRefused, OSError, ValueError) as mistake:
        yield error("tls_unusable", str(mistake), "Give a PEM chain and its unencrypted key.")
        return
    yield from _times(certificate, now)
    yield from _authorities(settings, now)
    if settings.issuer_url:
        host = urlsplit(settings.issuer_url).hostname or ""
        if not _fits(certificate, host):
            yield error(
                "tls_certificate_host",
                f"The certificate is not for {host}, the issuer's host.",
                "Get one with that name, or correct TOKENBOOTH_ISSUER_URL.",
            )


def _times(certificate: x509.Certificate, now: float) -> Iterator[Finding]:
    renew = "Renew it; SIGHUP then reads it anew without losing a connection."
    left = (certificate.not_valid_after_utc.timestamp() - now) / _DAY
    if left <= 0:
        yield error("tls_certificate_expired", "The TLS certificate has expired.", renew)
    elif left < _SOON_DAYS:
        yield warning(
            "tls_certificate_expires", f"The TLS certificate ends in {left:.0f} days.", renew
        )
    if certificate.not_valid_before_utc.timestamp() > now:
        yield error(
            "tls_certificate_too_new",
            "The TLS certificate is not valid yet.",
            "Check this machine's clock, or use the certificate before it.",
        )


def _authorities(settings: Settings, now: float) -> Iterator[Finding]:
    if settings.tls_client_ca is None:
        return
    for authority in x509.load_pem_x509_certificates(Path(settings.tls_client_ca).read_bytes()):
        left = (authority.not_valid_after_utc.timestamp() - now) / _DAY
        if left < _SOON_DAYS:
            name = authority.subject.rfc4514_string()
            yield warning(
                "tls_client_authority_expires",
                f"The authority {name} for client certificates "
                + ("has expired." if left <= 0 else f"ends in {left:.0f} days."),
                "Add its successor to TOKENBOOTH_TLS_CLIENT_CA; SIGHUP then reads it anew.",
            )


def _fits(certificate: x509.Certificate, host: str) -> bool:
    """Whether clients that ask for this host take the certificate."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    # One wildcard, and only for the whole first label.
    accepted = {host, "*." + host.partition(".")[2]}
    return any(name.lower() in accepted for name in names.get_values_for_type(x509.DNSName))
