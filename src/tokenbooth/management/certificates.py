"""Read the certificates, and the names in them, by which a client is recognised (RFC 8705 §2)."""

from tokenbooth.management.errors import BadInput
from tokenbooth.management.proofs import NewProof
from tokenbooth.protocol.certificate import (
    SELF_SIGNED,
    TLS,
    CertificateRefused,
    SubjectRule,
    read_certificate,
    read_pem,
)
from tokenbooth.server.client_certificates import KIND, certificate_data, subject_data

_LONGEST_HINT = 100


def certificate_proof(text: str, *, now: float) -> NewProof:
    """Return the proof of a client that shows exactly this certificate (PEM); raises BadInput."""
    try:
        certificate = read_certificate(read_pem(text.encode()))
    except CertificateRefused as error:
        raise BadInput(str(error)) from error
    if now > certificate.not_after:
        raise BadInput("This certificate has expired; register the one that replaces it.")
    return NewProof(
        method=SELF_SIGNED,
        kind=KIND,
        data=certificate_data(certificate),
        hint=certificate.thumbprint,
    )


def subject_proof(kind: str, text: str) -> NewProof:
    """Return the proof of a client whose certificates carry this name; raises BadInput."""
    try:
        rule = SubjectRule.parse(kind, text)
    except CertificateRefused as error:
        raise BadInput(str(error)) from error
    hint = rule.value if len(rule.value) <= _LONGEST_HINT else rule.value[:_LONGEST_HINT] + "..."
    return NewProof(method=TLS, kind=KIND, data=subject_data(rule), hint=hint)
