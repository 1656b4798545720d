"""JWT access tokens, checked here with the issuer's published keys (RFC 9068 §4)."""

from typing import NamedTuple

from tokenbooth.clock import Clock
from tokenbooth.guard.caller import Caller
from tokenbooth.guard.memory import Memory, fingerprint
from tokenbooth.guard.revocations import FollowedRevocations
from tokenbooth.guard.steps import Steps
from tokenbooth.guard.watch import Watch
from tokenbooth.guard.wording import after_verification, before_verification, oddly_bound
from tokenbooth.protocol.access_token import check_access_token
from tokenbooth.protocol.errors import GuardUnavailable, InvalidToken, TokenRefused
from tokenbooth.protocol.jwt import UnverifiedJwt, read_jwt, unverified_claims, verify_jwt
from tokenbooth.protocol.keys import VerificationKey
from tokenbooth.remote.key_set import RemoteKeySet

# Signatures with a public key alone: a key set must never serve as a shared secret (RFC 8725 §3.1).
ASYMMETRIC = (
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    *("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"),
    *("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"),
)


class _Seen(NamedTuple):
    """A token that was checked, and the key on which that rests."""

    caller: Caller
    key: VerificationKey
    kid: str | None
    ends: float  # seconds since 1970 UTC, leeway included
    marks: tuple[bytes, ...]  # under which it may be revoked; none where nobody follows
    issued_at: float


class JwtVerifier:
    """Checks JWTs of one issuer for one API; a token seen before costs no signature check."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: RemoteKeySet,
        clock: Clock,
        leeway: float,
        algorithms: frozenset[str],
        cache_size: int,
        watch: Watch,
        revocations: FollowedRevocations | None = None,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clock = clock
        self._leeway = leeway
        self._algorithms = algorithms
        self._watch = watch
        self._revocations = revocations
        self._seen: Memory[_Seen] = Memory(cache_size)

    def verify(self, unverified_token: str) -> Steps[Caller]:
        """Return the caller; raises InvalidToken, or GuardUnavailable without the issuer's keys."""
        digest = fingerprint(unverified_token)
        seen = self._seen.get(digest)
        if seen is not None:
            # A key that left the key set takes along every token that it signed.
            if self._clock.now() < seen.ends and seen.key in self._keys.keys_now(
                seen.kid, seen.key.alg
            ):
                followed = self._revocations
                watch = self._watch
                watch.remembered += 1  # not by `judged`: this is the short way
                if watch.makes_spans:
                    watch.notes("remembered")
                if followed is not None and not followed.passes(seen.marks):
                    yield from followed.refuse_revoked(seen.marks, seen.issued_at)
                return seen.caller
            self._seen.forget(digest)
        try:
            jwt = read_jwt(unverified_token)
        except TokenRefused as refused:
            raise before_verification(refused) from refused
        if jwt.alg not in self._algorithms:
            raise before_verification(TokenRefused("wrong_algorithm"))
        candidates = self._keys.keys_now(jwt.kid, jwt.alg)
        key = candidates[0] if candidates else (yield from self._key_after_refresh(jwt))
        self._watch.judged("checked")
        checked = self._checked(jwt, key)
        if self._revocations is not None:
            yield from self._revocations.refuse_revoked(checked.marks, checked.issued_at)
        self._seen.put(digest, checked)
        return checked.caller

    def _key_after_refresh(self, jwt: UnverifiedJwt) -> Steps[VerificationKey]:
        self._refuse_foreign(jwt)
        refreshed = self._keys.refresh()
        yield refreshed
        candidates = self._keys.keys_now(jwt.kid, jwt.alg)
        if candidates:
            return candidates[0]
        if refreshed.result():
            raise before_verification(TokenRefused("unknown_key"))
        # The token may well be good: without its issuer nobody can say.
        raise GuardUnavailable(
            "The token cannot be checked now; try again later.", reason="keys_unavailable"
        )

    def _refuse_foreign(self, jwt: UnverifiedJwt) -> None:
        # Strangers' tokens must not make us fetch: an unknown key of another issuer stays unknown.
        try:
            named = unverified_claims(jwt).get("iss")
        except TokenRefused as refused:
            raise before_verification(refused) from refused
        if named != self._issuer:
            raise InvalidToken(
                f"The token is not from this API's issuer, {self._issuer}.", reason="wrong_issuer"
            )

    def _checked(self, jwt: UnverifiedJwt, key: VerificationKey) -> _Seen:
        now = self._clock.now()
        try:
            claims = verify_jwt(jwt, key)
        except TokenRefused as refused:
            raise before_verification(refused) from refused
        try:
            token = check_access_token(
                claims,
                typ=jwt.typ,
                issuer=self._issuer,
                audience=self._audience,
                now=now,
                leeway=self._leeway,
            )
        except TokenRefused as refused:
            raise after_verification(refused, claims, audience=self._audience, now=now) from refused
        try:
            caller = Caller.of(token)
        except TokenRefused as refused:
            raise oddly_bound() from refused
        followed = self._revocations
        marks = () if followed is None else followed.marks(claims, key.kid)
        ends = token.expires_at + self._leeway
        return _Seen(caller, key, jwt.kid, ends, marks, token.issued_at)
