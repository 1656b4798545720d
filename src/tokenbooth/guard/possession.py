"""Does the caller hold what its token is bound to? (RFC 9449 §7)."""

from collections.abc import Callable, Sequence
from typing import Literal
from urllib.parse import urlsplit

from tokenbooth.clock import Clock
from tokenbooth.guard.caller import Caller
from tokenbooth.guard.replays import MemoryFull, ReplayMemory
from tokenbooth.protocol.dpop import PROOF_ALGORITHMS, Proof, ProofRefused, check_proof
from tokenbooth.protocol.dpop_nonce import NonceOffice
from tokenbooth.protocol.errors import (
    BadProof,
    GuardUnavailable,
    InvalidToken,
    NonceNeeded,
)
from tokenbooth.protocol.http_uri import origin, without_query
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.secret_source import SecretSource, SecretUnavailable, secret_reader

DpopMode = Literal["optional", "required"]


def check_mode(mode: str, *, takes_basic: bool) -> None:
    """Refuse a mode that does not exist, or that HTTP Basic would walk around."""
    if mode not in ("optional", "required"):
        raise ValueError('dpop must be "optional" or "required"')
    if mode == "required" and takes_basic:
        raise ValueError('accept_basic_credentials and dpop="required" exclude each other')


class Possession:
    """Checks the proofs that come with bound tokens."""

    def __init__(
        self,
        *,
        audience: str,
        public_url: str | None,
        nonce_key: SecretSource | None,
        replay_size: int,
        clock: Clock,
    ) -> None:
        self._places = _places(audience, public_url)
        self._is_pinned = public_url is not None
        self._read_nonce_key = None if nonce_key is None else secret_reader(nonce_key)
        if replay_size < 2:
            raise ValueError("dpop_replay_size must be at least 2")
        self._replays = ReplayMemory(replay_size)
        self._clock = clock

    def check_proof(
        self, caller: Caller, token: str, proofs: Sequence[str], method: str, url: str
    ) -> None:
        """Check the proof beside a token sent as DPoP; raises BearerError."""
        bound_to = caller.confirmation.jkt if caller.confirmation is not None else None
        if bound_to is None:
            raise InvalidToken(
                "The token is not bound to a key: send it as Bearer, or get one with a proof.",
                reason="unbound_token",
            )
        now = self._clock.now()
        try:
            proof = check_proof(
                proofs, method=method, urls=self._targets(url), now=now, access_token=token
            )
        except ProofRefused as refused:
            raise BadProof(str(refused), reason=f"proof_{refused.reason}") from refused
        if proof.jkt != bound_to:
            raise InvalidToken(
                "The token is bound to another key than the one of the proof.", reason="wrong_key"
            )
        if self._read_nonce_key is not None:
            _check_nonce(proof, self._read_nonce_key, now)
        self._claim(proof, now)

    def _claim(self, proof: Proof, now: float) -> None:
        try:
            is_first = self._replays.claim(proof, now)
        except MemoryFull as error:
            raise GuardUnavailable(
                "Too many DPoP proofs within a minute; try again later.",
                reason="replay_memory_full",
            ) from error
        if not is_first:
            raise BadProof(
                "This proof was used before; make a new one for each request.",
                reason="proof_replayed",
            )

    def _targets(self, url: str) -> tuple[str, ...]:
        is_absolute = url[:8].lower().startswith(("https://", "http://"))
        path = _path_of(url) if is_absolute else without_query(url)
        targets = [place + path for place in self._places] if path.startswith("/") else []
        if is_absolute and not self._is_pinned:
            targets.append(url)
        if not targets:
            raise BadProof(
                "This API does not know its own address, so it cannot check proofs; "
                "its developer sets public_url.",
                reason="no_public_url",
            )
        return tuple(targets)


def refuse_bound(caller: Caller) -> Caller:
    """Return the caller of a token sent as Bearer; raises InvalidToken when it is bound to a key.

    RFC 9449 §7.2: whoever stole a bound token must not use it as a plain one. A token that is
    bound to a certificate alone is sent as Bearer (RFC 8705 §3), and the certificate is checked.
    """
    bound = caller.confirmation
    if bound is not None and bound.jkt is not None:
        refusal = InvalidToken(
            "The token is bound to a key: send it as DPoP, with a proof.", reason="bound_token"
        )
        refusal.is_about_dpop = True
        raise refusal
    return caller


def algorithms_text() -> str:
    """Return the algorithms of proofs, as a challenge names them (RFC 9449 §7.1)."""
    return " ".join(PROOF_ALGORITHMS)


def _places(audience: str, public_url: str | None) -> tuple[str, ...]:
    if public_url is not None:
        try:
            origin(public_url)
        except ValueError as error:
            raise ValueError(f"public_url must be an absolute URL: {error}") from error
        if without_query(public_url) != public_url:
            raise ValueError("public_url must have no query or fragment")
        return (public_url.rstrip("/"),)
    try:
        return (origin(audience),)
    except ValueError:  # an audience may be any text
        return ()


def _path_of(url: str) -> str:
    try:
        return urlsplit(without_query(url)).path or "/"
    except ValueError:
        return ""


def _check_nonce(proof: Proof, read_key: Callable[[], Secret], now: float) -> None:
    try:
        office = NonceOffice(read_key().reveal().encode())
    except SecretUnavailable as error:
        raise GuardUnavailable(
            "The proof cannot be checked now; try again later.", reason="nonce_key_unavailable"
        ) from error
    if proof.nonce is None or not office.is_good(proof.nonce, now):
        raise NonceNeeded(
            "The proof must hold the nonce in the header DPoP-Nonce of this answer.",
            nonce=office.current(now),
        )
