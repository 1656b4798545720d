"""The key that a token source's tokens are bound to, and the proofs that it makes (RFC 9449)."""

from collections.abc import Callable
from urllib.parse import urlsplit

from tokenbooth.client.private_key import KeySource, key_reader
from tokenbooth.clock import Clock
from tokenbooth.protocol.dpop import MAX_NONCE_LENGTH, make_proof
from tokenbooth.protocol.keys import SigningKey, generate_key

ALGORITHM = "ES256"  # of a key made here: every service knows it
MAX_NONCES = 256

_TOKEN_ENDPOINT = "token endpoint"


class Prover:
    """Makes a new proof for each request, with the nonce that its server asked for last."""

    def __init__(self, key: SigningKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        # A token endpoint may share its host with an API, which has nonces of its own.
        self._nonces: dict[tuple[str, str], str] = {}

    def for_token_request(self, url: str) -> str:
        """Return a proof for a token request."""
        return self._proof("POST", url, nonce=self._nonces.get((_TOKEN_ENDPOINT, url)))

    def for_call(self, method: str, url: str, access_token: str) -> str:
        """Return a proof for one call of an API with that token."""
        nonce = self._nonces.get(_place(url))
        return self._proof(method, url, nonce=nonce, access_token=access_token)

    def note_token_nonce(self, url: str, unverified_nonce: str | None) -> bool:
        """Use this nonce at the token endpoint from now on; tell whether it is a new one."""
        return self._note((_TOKEN_ENDPOINT, url), unverified_nonce)

    def note_nonce(self, url: str, unverified_nonce: str | None) -> bool:
        """Use this nonce at that API from now on; tell whether it is a new one (RFC 9449 §8.2)."""
        return self._note(_place(url), unverified_nonce)

    def _note(self, place: tuple[str, str], nonce: str | None) -> bool:
        if nonce is None or not 0 < len(nonce) <= MAX_NONCE_LENGTH:
            return False
        is_new = self._nonces.pop(place, None) != nonce
        self._nonces[place] = nonce
        while len(self._nonces) > MAX_NONCES:
            oldest = next(iter(tuple(self._nonces)), None)
            self._nonces.pop(oldest or place, None)
        return is_new

    def _proof(
        self, method: str, url: str, *, nonce: str | None, access_token: str | None = None
    ) -> str:
        return make_proof(
            self._key,
            method=method,
            url=url,
            now=self._clock.now(),
            nonce=nonce,
            access_token=access_token,
        )


def prover_of(*, dpop: bool | KeySource, clock: Clock) -> Prover | None:
    """Return what makes the proofs, None for bearer tokens; raises ClientError.

    A key that is read is read this once: the tokens at hand are bound to it.
    """
    if dpop is False:
        return None
    make_key: Callable[[], SigningKey]
    make_key = (lambda: generate_key(ALGORITHM)) if dpop is True else key_reader(dpop)
    return Prover(make_key(), clock)


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
