"""Look at the certificate that a host shows, and say why it is not trusted where it is not."""

import os
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenbooth.cli.diagnosis.case import Case
from tokenbooth.cli.diagnosis.finding import Finding, Findings, failed, ok, warning
from tokenbooth.cli.failures import Outcome
from tokenbooth.clock import Clock
from tokenbooth.remote.deadline import Deadline
from tokenbooth.remote.fetch import default_tls

SOON = 14 * 86_400.0  # seconds before its end at which a certificate is worth a warning
_NOT_YET, _EXPIRED = 9, 10  # what OpenSSL calls its verdicts
_NAMES = frozenset({62, 64})
_SHORTEST_WAIT = 0.001
# Where other programs look, to find an authority that was set up for them alone.
_ELSEWHERE = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE")


def check_trust(case: Case) -> Findings:
    """Load the authorities that this machine trusts into the case."""
    try:
        case.tls = default_tls()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it holds no certificates"
        yield failed(
            "trust",
            Outcome.NETWORK,
            f"{trust_in_use()} cannot be loaded: {why}",
            "Correct or unset SSL_CERT_FILE and SSL_CERT_DIR: the first names a file of PEM "
            "certificates, the second a directory of hashed ones.",
        )
        return
    yield ok("trust", f"certificate authorities from {trust_in_use()}")


def trust_in_use() -> str:
    """Say where the authorities come from."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if os.environ.get(variable):
            return f"{os.environ[variable]} ({variable})"
    paths = ssl.get_default_verify_paths()
    places = [each for each in (paths.openssl_cafile, paths.openssl_capath) if Path(each).exists()]
    return places[0] if places else "this system"


def check_certificate(
    connection: socket.socket,
    authority: tuple[str, int],
    tls: ssl.SSLContext,
    deadline: Deadline,
    *,
    clock: Clock,
    is_direct: bool,
) -> Finding:
    """Shake hands on `connection` as a client does, and describe what came of it."""
    host = authority[0]
    try:
        connection.settimeout(max(deadline.remaining(), _SHORTEST_WAIT))
        with tls.wrap_socket(connection, server_hostname=host) as secured:
            version, shown = secured.version(), secured.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError as error:
        certificate = _unverified(authority, deadline) if is_direct else None
        return _not_trusted(error, host, certificate, clock)
    except ssl.SSLError as error:
        return failed(
            "tls",
            Outcome.NETWORK,
            f"no TLS with {host} ({error.reason or 'the connection ended'})",
            "Check the port: WRONG_VERSION_NUMBER means that plain http is spoken there.",
            "Ask for TLS 1.2 or newer at the server: older versions are refused here.",
            "Look for something on the way that cuts TLS off, like a firewall.",
        )
    except (OSError, ValueError) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else "the connection ended"
        return failed(
            "tls",
            Outcome.NETWORK,
            f"no TLS with {host}: {why}",
            "Check the port, and that the server speaks TLS there.",
            "Look for something on the way that cuts TLS off, like a firewall.",
        )
    return _trusted(host, version or "TLS", _parsed(shown), clock)


def _trusted(
    host: str, version: str, certificate: x509.Certificate | None, clock: Clock
) -> Finding:
    seen = f"{version}, the certificate of {host} is trusted (authorities: {trust_in_use()})"
    if certificate is None:
        return ok("tls", seen)
    end = certificate.not_valid_after_utc
    seen += f", good until {end:%Y-%m-%d}, signed by {_name(certificate.issuer)}"
    if end.timestamp() - clock.now() < SOON:
        return warning(
            "tls",
            f"{seen}: that is soon",
            f"Renew the certificate of {host} before {end:%Y-%m-%d}.",
        )
    return ok("tls", seen)


def _not_trusted(
    error: ssl.SSLCertVerificationError,
    host: str,
    certificate: x509.Certificate | None,
    clock: Clock,
) -> Finding:
    seen = f"the certificate of {host} is not trusted: {error.verify_message.rstrip('.')}"
    if certificate is not None:
        seen += (
            f". It is for {', '.join(_names(certificate)) or 'no name'}, good from "
            f"{certificate.not_valid_before_utc:%Y-%m-%d} until "
            f"{certificate.not_valid_after_utc:%Y-%m-%d}, signed by {_name(certificate.issuer)}"
        )
    if error.verify_code in (_EXPIRED, _NOT_YET):
        today = datetime.fromtimestamp(clock.now(), UTC)
        causes = [
            f"Renew the certificate on {host}, its chain included.",
            f"Set this machine's clock, if {today:%Y-%m-%d %H:%M} UTC is not the time.",
        ]
    elif error.verify_code in _NAMES:
        names = ", ".join(_names(certificate)) if certificate is not None else ""
        causes = [
            f"Use a name that the certificate is for{f': {names}' if names else ''}.",
            f"Ask for a certificate for {host} on the server.",
        ]
    else:
        causes = [
            (
                "Set SSL_CERT_FILE to a PEM file that holds the authority's certificate too, if it "
                "is the authority of your company or of a proxy that reads along. In use: "
                f"{trust_in_use()}."
            ),
            (
                f"Make {host} send its whole chain: a missing intermediate certificate looks the "
                "same, and browsers hide it."
            ),
        ]
        set_up = [each for each in _ELSEWHERE if os.environ.get(each)]
        if set_up:
            causes.insert(
                0,
                f"Set SSL_CERT_FILE={os.environ[set_up[0]]}: {set_up[0]} names that file, but "
                "only other programs read this variable.",
            )
    return failed("tls", Outcome.NETWORK, seen, *causes)


def _unverified(authority: tuple[str, int], deadline: Deadline) -> x509.Certificate | None:
    """Fetch the certificate once more, only to describe it: nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        wait = max(deadline.remaining(), _SHORTEST_WAIT)
        with (
            socket.create_connection(authority, timeout=wait) as connection,
            context.wrap_socket(connection, server_hostname=authority[0]) as secured,
        ):
            return _parsed(secured.getpeercert(binary_form=True))
    except (OSError, ValueError):
        return None


def _parsed(der: bytes | None) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der) if der else None
    except ValueError:
        return None


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    names = found.get_values_for_type(x509.DNSName)
    addresses = found.get_values_for_type(x509.IPAddress)
    return [*names, *map(str, addresses)][:6]


def _name(name: x509.Name) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        found = name.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)[:100]
    return "nobody named"
