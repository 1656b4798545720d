"""Read the certificates, and the names in them, by which a client is recognised (RFC 8705 §2)."""

from tokenbooth.management.clients.proofs import NewProof
from tokenbooth.management.errors import BadInput
from tokenbooth.protocol import strict_json
from tokenbooth.protocol.certificate import (
    SELF_SIGNED,
    TLS,
    CertificateRefused,
    ClientCertificate,
    SubjectRule,
    decode_base64,
    read_certificate,
    read_pem,
)
from tokenbooth.server.client_certificates import KIND, certificate_data, subject_data

_LONGEST_HINT = 100


def certificate_proofs(text: str, *, now: float) -> tuple[NewProof, ...]:
    """Return the proofs of a client that shows one of these certificates; raises BadInput.

    Takes PEM, of which the first certificate counts, and a JWK or JWKS with `x5c`.
    """
    try:
        ders = _of_json(text) if text.lstrip().startswith("{") else [read_pem(text.encode())]
        return tuple(_proof(read_certificate(der), now) for der in ders)
    except CertificateRefused as error:
        raise BadInput(str(error)) from error


def _of_json(text: str) -> list[bytes]:
    try:
        document = strict_json.parse_object(text.encode())
    except ValueError as error:
        raise BadInput("Give a certificate as PEM, or a JWK or JWKS with x5c.") from error
    listed = document.get("keys", [document])
    keys = listed if isinstance(listed, list) else []
    chains = [key.get("x5c") for key in keys if isinstance(key, dict)]
    # RFC 7517 §4.7: the first is the key's own, in plain Base64.
    leaves = [chain[0] for chain in chains if isinstance(chain, list) and chain]
    if not leaves or len(leaves) != len(keys) or not all(isinstance(x, str) for x in leaves):
        raise BadInput("Each key needs its certificate in x5c (RFC 7517 §4.7).")
    return [decode_base64(leaf) for leaf in leaves]


def _proof(certificate: ClientCertificate, now: float) -> NewProof:
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
