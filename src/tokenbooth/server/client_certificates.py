"""The certificates of clients: registered whole, or by a name that they carry (RFC 8705 §2)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tokenbooth.protocol.certificate import (
    SELF_SIGNED,
    TLS,
    CertificateRefused,
    ClientCertificate,
    SubjectRule,
    read_certificate,
    read_pem,
    to_pem,
)
from tokenbooth.server.records import Credential

KIND: Final = "certificate"


class _Stored(msgspec.Struct, omit_defaults=True):
    """What a credential of that kind keeps: one name, or a whole certificate."""

    subject_dn: str | None = None
    san_dns: str | None = None
    san_uri: str | None = None
    san_ip: str | None = None
    san_email: str | None = None
    certificate: str | None = None  # PEM
    thumbprint: str | None = msgspec.field(name="x5t#S256", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCertificate:
    """What a client's certificate is recognised by: its thumbprint, or else a name."""

    credential: Credential = field(repr=False)
    thumbprint: str | None = None
    rule: SubjectRule | None = None

    @property
    def method(self) -> str:
        """The authentication method that this makes possible."""
        return SELF_SIGNED if self.rule is None else TLS

    def matches(self, certificate: ClientCertificate) -> bool:
        """Whether this is about `certificate`."""
        if self.rule is not None:
            return self.rule.matches(certificate)
        return self.thumbprint == certificate.thumbprint


def certificate_data(certificate: ClientCertificate) -> str:
    """Return what the credential of a registered certificate keeps."""
    stored = _Stored(certificate=to_pem(certificate.der), thumbprint=certificate.thumbprint)
    return msgspec.json.encode(stored).decode()


def subject_data(rule: SubjectRule) -> str:
    """Return what the credential of a registered name keeps."""
    return msgspec.json.encode({rule.kind: rule.value}).decode()


def known_certificates(credentials: Iterable[Credential]) -> tuple[KnownCertificate, ...]:
    """Read the credentials of this kind; one that cannot be used is left out."""
    known = []
    for credential in credentials:
        stored = _read(credential)
        if stored is None:
            continue
        if stored.thumbprint is not None:
            known.append(KnownCertificate(credential=credential, thumbprint=stored.thumbprint))
        for kind, value in _names(stored):
            try:
                rule = SubjectRule.parse(kind, value)
            except CertificateRefused:
                continue
            known.append(KnownCertificate(credential=credential, rule=rule))
    return tuple(known)


def trust_anchors(credentials: Iterable[Credential]) -> tuple[ClientCertificate, ...]:
    """Return the registered certificates that a TLS listener must let in to be compared."""
    found = []
    for credential in credentials:
        stored = _read(credential)
        if stored is not None and stored.certificate is not None:
            try:
                found.append(read_certificate(read_pem(stored.certificate.encode())))
            except CertificateRefused:
                continue
    return tuple(found)


def _read(credential: Credential) -> _Stored | None:
    if credential.kind != KIND:
        return None
    try:
        return msgspec.json.decode(credential.data, type=_Stored)
    except msgspec.MsgspecError:
        return None


def _names(stored: _Stored) -> list[tuple[str, str]]:
    named = (
        ("subject_dn", stored.subject_dn),
        ("san_dns", stored.san_dns),
        ("san_uri", stored.san_uri),
        ("san_ip", stored.san_ip),
        ("san_email", stored.san_email),
    )
    return [(kind, value) for kind, value in named if value is not None]
