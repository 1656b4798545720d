"""Client certificates: what they say, and how registered subjects match (RFC 8705 §2)."""

import binascii
import hashlib
import ipaddress
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import ProtocolError
from tokenbooth.protocol.spiffe import SCHEME

TLS = "tls_client_auth"
SELF_SIGNED = "self_signed_tls_client_auth"
TLS_METHODS = (TLS, SELF_SIGNED)

MAX_DER_BYTES = 16_384
MAX_NAME_LENGTH = 2048
SUBJECT_KINDS = ("subject_dn", "san_dns", "san_uri", "san_ip", "san_email")

# What tools print besides the short names of RFC 4514 §3.
_FURTHER_NAMES = {
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "jurisdictionC": NameOID.JURISDICTION_COUNTRY_NAME,
    "businessCategory": NameOID.BUSINESS_CATEGORY,
}
_SHORT_NAMES = {oid: name for name, oid in _FURTHER_NAMES.items()}
_PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"

# One set of (attribute, value) per relative name, in the order of the certificate.
Subject = tuple[frozenset[tuple[str, str | bytes]], ...]


class CertificateRefused(ProtocolError):
    """A certificate, or a name to compare with one, that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """The certificate that the other end of a TLS connection proved to have the key of."""

    der: bytes = field(repr=False)
    is_verified: bool  # its chain ends at an authority that the operator named


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """What a certificate says of its owner. Times are seconds since 1970 UTC."""

    der: bytes = field(repr=False)
    thumbprint: str  # "x5t#S256"
    subject: Subject
    subject_dn: str  # RFC 4514
    names: frozenset[tuple[str, str]]  # subject alternative names: ("san_dns", "a.example")
    not_before: float
    not_after: float
    is_self_issued: bool
    spiffe_id: str | None = None  # of an X.509-SVID that is in order

    def is_valid_at(self, now: float) -> bool:
        """Whether `now` lies within its validity."""
        return self.not_before <= now <= self.not_after


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRule:
    """The one name by which a client's certificates are recognised (RFC 8705 §2.1.2)."""

    kind: str  # one of SUBJECT_KINDS
    value: str  # normalised
    _subject: Subject = field(default=(), repr=False)

    @classmethod
    def parse(cls, kind: str, text: str) -> Self:
        """Read what an operator registers; raises CertificateRefused."""
        if not text or len(text) > MAX_NAME_LENGTH or not text.isprintable():
            raise CertificateRefused(
                f"{kind}: give 1 to {MAX_NAME_LENGTH} printable characters, no line break."
            )
        if kind == "subject_dn":
            name = _parse_dn(text)
            return cls(kind=kind, value=_text_of(name), _subject=_subject_of(name))
        if kind not in SUBJECT_KINDS:
            raise CertificateRefused(f"Choose from {', '.join(SUBJECT_KINDS)}.")
        return cls(kind=kind, value=_NORMALISED.get(kind, _as_is)(text))

    def matches(self, certificate: ClientCertificate) -> bool:
        """Whether the certificate carries exactly this name; nothing is ever a pattern."""
        if self.kind == "subject_dn":
            return certificate.subject == self._subject
        if self.kind == "san_uri" and self.value.startswith(SCHEME):
            return certificate.spiffe_id == self.value
        return (self.kind, self.value) in certificate.names


def thumbprint(der: bytes) -> str:
    """Return the "x5t#S256" of a certificate (RFC 8705 §3.1)."""
    return base64url.encode(hashlib.sha256(der).digest()).decode("ascii")


def read_certificate(unverified_der: bytes) -> ClientCertificate:
    """Read a certificate in DER; raises CertificateRefused. Checks no signature and no chain."""
    if len(unverified_der) > MAX_DER_BYTES:
        raise CertificateRefused(f"The certificate is larger than {MAX_DER_BYTES} bytes.")
    try:
        read = x509.load_der_x509_certificate(unverified_der)
        return ClientCertificate(
            der=unverified_der,
            thumbprint=thumbprint(unverified_der),
            subject=_subject_of(read.subject),
            subject_dn=_text_of(read.subject),
            names=_alternative_names(read),
            not_before=read.not_valid_before_utc.timestamp(),
            not_after=read.not_valid_after_utc.timestamp(),
            is_self_issued=read.subject == read.issuer,
            spiffe_id=_spiffe_id(read),
        )
    # Whatever its maker wrote there.
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise CertificateRefused("This is no X.509 certificate.") from error


def read_pem(text: bytes) -> bytes:
    """Return the DER of the first certificate in a PEM text; raises CertificateRefused."""
    begin = text.find(_PEM_BEGIN)
    if begin < 0:
        raise CertificateRefused("Give a certificate as PEM: -----BEGIN CERTIFICATE----- ...")
    try:
        return x509.load_pem_x509_certificate(text[begin:]).public_bytes(Encoding.DER)
    except (ValueError, x509.InvalidVersion) as error:
        raise CertificateRefused("The certificate's PEM is damaged.") from error


def to_pem(der: bytes) -> str:
    """Return the certificate as PEM text."""
    certificate = x509.load_der_x509_certificate(der)
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes; raises CertificateRefused. Padding may be missing (RFC 8941 §4.2.7)."""
    if len(text) > MAX_DER_BYTES * 4 // 3 + 4:
        raise CertificateRefused(f"The certificate is larger than {MAX_DER_BYTES} bytes.")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CertificateRefused("The certificate is not Base64.") from error


def _parse_dn(text: str) -> x509.Name:
    try:
        name = x509.Name.from_rfc4514_string(text, attr_name_overrides=_FURTHER_NAMES)
    except (ValueError, TypeError) as error:
        raise CertificateRefused(
            "Write the subject as RFC 4514 has it, without spaces after the commas and the last "
            "part first, as in CN=billing,O=Example,C=SE."
        ) from error
    return name


def _subject_of(name: x509.Name) -> Subject:
    return tuple(
        frozenset((attribute.oid.dotted_string, attribute.value) for attribute in relative)
        for relative in name.rdns
    )


def _text_of(name: x509.Name) -> str:
    return name.rfc4514_string(_SHORT_NAMES)


def _alternative_names(certificate: x509.Certificate) -> frozenset[tuple[str, str]]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    except (ValueError, x509.UnsupportedGeneralNameType) as error:
        raise CertificateRefused("The certificate has a name of an unknown kind.") from error
    found = set()
    for name in extension.value:
        if isinstance(name, x509.DNSName):
            found.add(("san_dns", name.value.lower()))
        elif isinstance(name, x509.UniformResourceIdentifier):
            found.add(("san_uri", name.value))
        elif isinstance(name, x509.IPAddress):
            found.add(("san_ip", str(name.value)))
        elif isinstance(name, x509.RFC822Name):
            found.add(("san_email", name.value))
    return frozenset(found)


def _spiffe_id(certificate: x509.Certificate) -> str | None:
    """Return the SPIFFE ID of a workload's X.509-SVID; of a signing or an ambiguous one, None.

    After the X.509-SVID specification, sections 2, 4.1 and 4.3.
    """
    extensions = certificate.extensions
    try:
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    uris = found.get_values_for_type(x509.UniformResourceIdentifier)
    is_signature_alone = usage.digital_signature and not (usage.key_cert_sign or usage.crl_sign)
    is_id = len(uris) == 1 and uris[0].startswith(SCHEME)
    return uris[0] if is_id and is_signature_alone and not _is_authority(certificate) else None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _as_is(text: str) -> str:
    return text


def _host(text: str) -> str:
    # A wildcard in a rule would read like a pattern, and none is one here.
    if "*" in text:
        raise CertificateRefused("san_dns: name one host; a wildcard is not a pattern here.")
    return text.lower()


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise CertificateRefused("san_ip: give one IPv4 or IPv6 address.") from error


_NORMALISED = {"san_dns": _host, "san_ip": _address}
