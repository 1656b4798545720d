"""Does the client hold the key that its token shall be bound to? (RFC 9449 §5, §8)."""

from dataclasses import replace
from urllib.parse import urlsplit

from tokenbooth.protocol import base64url
from tokenbooth.protocol.certificate import ShownCertificate, thumbprint
from tokenbooth.protocol.confirmation import Confirmation
from tokenbooth.protocol.dpop import PROOF_ALGORITHMS, Proof, ProofRefused, check_proof
from tokenbooth.protocol.dpop_nonce import NonceOffice
from tokenbooth.protocol.errors import (
    InvalidDpopProof,
    TemporarilyUnavailable,
    UseDpopNonce,
)
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import TOKEN_PATH, IssuerView
from tokenbooth.server.policy import Decision
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import Client
from tokenbooth.server.replays import Claims

PROOF_PREFIX = "dpop:"  # of the claims that make a proof count once


def read_proof(exchange: Exchange, issuer: IssuerView, client: Client, now: float) -> Proof | None:
    """Return the proof in the request, None where there is none; raises its refusals.

    Called after authentication: a stranger must not make us check signatures.
    """
    proofs = exchange.headers(b"dpop")
    if not proofs:
        return None
    try:
        proof = check_proof(
            proofs,
            method=exchange.method,
            urls=_token_urls(issuer, exchange.path),
            now=now,
            algorithms=profile_of(issuer.record).allowed_algorithms(PROOF_ALGORITHMS),
        )
    except ProofRefused as refused:
        raise InvalidDpopProof(str(refused), reason=f"proof_{refused.reason}") from refused
    if needs_nonce(issuer, client):
        _check_nonce(proof, issuer, now)
    return proof


def bind(decision: Decision, proof: Proof | None, client: Client) -> Decision:
    """Bind what will be issued to the key that was proved; raises InvalidDpopProof without one.

    RFC 9449 §5: a refresh token is not bound to that one key, for its client proves itself anyway
    and may change keys. But it never turns into a token that is bound to none.
    """
    if proof is not None:
        x5t = decision.confirmation.x5t if decision.confirmation else None
        return replace(decision, confirmation=Confirmation(jkt=proof.jkt, x5t=x5t))
    if client.policy.dpop_bound:
        raise InvalidDpopProof(
            "This client gets DPoP-bound tokens only: send a proof in the header DPoP.",
            reason="proof_no_proof",
        )
    if decision.spends is not None and decision.spends.is_dpop_bound:
        raise InvalidDpopProof(
            "The tokens of this refresh token are DPoP-bound: send a proof in the header DPoP.",
            reason="proof_no_proof",
        )
    return decision


def constrain(decision: Decision, shown: ShownCertificate | None, issuer: IssuerView) -> Decision:
    """Let no bearer token out where the issuer's profile forbids them; raises InvalidDpopProof.

    FAPI 2.0 §5.3.2.1: a certificate that is shown anyway binds, whatever is registered.
    """
    profile = profile_of(issuer.record)
    if decision.confirmation is not None or not profile.is_sender_constrained:
        return decision
    if shown is None:
        raise InvalidDpopProof(
            f"This issuer follows {profile.title}, and gives no bearer tokens: "
            "send a proof in the header DPoP, or connect with a TLS certificate.",
            reason="profile_bearer_token",
        )
    return replace(decision, confirmation=Confirmation(jkt=None, x5t=thumbprint(shown.der)))


async def spend_proof(proof: Proof, issuer: IssuerView, store: Claims, *, now: float) -> None:
    """Use up the proof; raises InvalidDpopProof when it was used before, on whatever node."""
    name = base64url.encode(proof.fingerprint).decode("ascii")
    claim = await store.claim(
        f"{PROOF_PREFIX}{issuer.name}:{name}", now=now, expires_at=proof.ends_at
    )
    if not claim.won:
        raise InvalidDpopProof(
            "This proof was used before; make a new one for each request.", reason="proof_replayed"
        )


def needs_nonce(issuer: IssuerView, client: Client) -> bool:
    """Whether this client's proofs must hold a nonce of ours."""
    return issuer.record.policy.dpop_nonce or client.policy.dpop_nonce


def newer_nonce(proof: Proof | None, issuer: IssuerView, now: float) -> str | None:
    """Return the nonce to use from now on, None where the one in the proof still is it."""
    if proof is None or proof.nonce is None or issuer.keys.sealing is None:
        return None
    current = NonceOffice(issuer.keys.sealing.derive(b"dpop")).current(now)
    return current if current != proof.nonce else None


def _check_nonce(proof: Proof, issuer: IssuerView, now: float) -> None:
    nonce = proof.nonce
    # Every key that still opens tokens: a rotation must not turn every client away.
    offices = [NonceOffice(key.derive(b"dpop")) for key in issuer.keys.opening]
    if nonce is not None and any(office.is_good(nonce, now) for office in offices):
        return
    sealing = issuer.keys.sealing
    if sealing is None:
        raise TemporarilyUnavailable(
            "The issuer has no key for nonces; the operator must make one.", reason="no_key"
        )
    raise UseDpopNonce(
        "The proof must hold the nonce in the header DPoP-Nonce of this answer.",
        nonce=NonceOffice(sealing.derive(b"dpop")).current(now),
    )


def _token_urls(issuer: IssuerView, path: str) -> tuple[str, ...]:
    # Never the Host header, which the caller writes: a proof for another server would fit.
    parts = urlsplit(issuer.url)
    return (
        issuer.url + issuer.dialect.token_path,
        issuer.url + TOKEN_PATH,
        f"{parts.scheme}://{parts.netloc}{path}",
        *((issuer.mtls_url + issuer.dialect.token_path,) if issuer.mtls_url else ()),
    )
