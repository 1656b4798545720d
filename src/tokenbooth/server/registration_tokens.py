"""The tokens of registration: one to register with (RFC 7591 §3), one for each client's own entry.

Both are sealed, so no row is kept for them; what must be exact is a claim or the client itself.
"""

import secrets
from dataclasses import dataclass

from tokenbooth.protocol.errors import BadRegistrationToken, TokenRefused
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.records import ApiAccess, Client, Revocation
from tokenbooth.server.sealing import SealingKey
from tokenbooth.server.secrets import SecretOffice
from tokenbooth.server.stores.contract import RevocationStore

INITIAL_PREFIX = "tbi_"
CLIENT_PREFIX = "tbg_"
MAX_USES = 100

_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialToken:
    """Who holds it may register `uses` clients, each with this access and these grants at most."""

    id: str
    issuer: str
    access: tuple[ApiAccess, ...]
    grant_types: tuple[str, ...]
    uses: int
    expires_at: float


class RegistrationOffice:
    """Makes and opens both kinds of tokens. Its key comes of the pepper, which never changes."""

    __slots__ = ("_key",)

    def __init__(self, office: SecretOffice) -> None:
        self._key = SealingKey(office.derive(b"registration"))

    def initial(self, token: InitialToken) -> Secret:
        """Return the initial access token as it is handed out."""
        claims = {
            "id": token.id,
            "issuer": token.issuer,
            "access": [[each.api, *each.scopes] for each in token.access],
            "grants": token.grant_types,
            "uses": token.uses,
            "exp": token.expires_at,
        }
        return Secret(self._key.seal(INITIAL_PREFIX, claims))

    def open_initial(self, unverified: Secret, *, issuer: str, now: float) -> InitialToken:
        """Return what it allows; raises BadRegistrationToken."""
        try:
            claims = self._key.open(INITIAL_PREFIX, unverified.reveal())
        except TokenRefused as refused:
            raise bad_token(refused.reason) from refused
        if claims["issuer"] != issuer:
            raise bad_token("wrong_issuer")
        if now >= claims["exp"]:
            raise bad_token("expired")
        return InitialToken(
            id=claims["id"],
            issuer=issuer,
            access=tuple(
                ApiAccess(api=api, scopes=tuple(scopes)) for api, *scopes in claims["access"]
            ),
            grant_types=tuple(claims["grants"]),
            uses=claims["uses"],
            expires_at=claims["exp"],
        )

    def of_client(self, client: Client) -> Secret:
        """Return the token for the entry of that client alone (RFC 7592 §2)."""
        claims = {
            "issuer": client.issuer,
            "client_id": client.client_id,
            "registration": client.policy.registration,
        }
        return Secret(self._key.seal(CLIENT_PREFIX, claims))

    def open_of_client(self, unverified: Secret, *, issuer: str, client_id: str) -> str:
        """Return which registration of that client it is for; raises BadRegistrationToken."""
        try:
            claims = self._key.open(CLIENT_PREFIX, unverified.reveal())
        except TokenRefused as refused:
            raise bad_token(refused.reason) from refused
        if (claims["issuer"], claims["client_id"]) != (issuer, client_id):
            raise bad_token("of_another_client")
        return str(claims["registration"])


async def spend_use(token: InitialToken, store: RevocationStore, now: float) -> None:
    """Use the token up by one; raises BadRegistrationToken when it is used up or revoked."""
    if await store.find_revoked(token.issuer, [_revocation_key(token.id)]):
        raise bad_token("revoked")
    for number in range(token.uses):
        key = f"registration:{token.issuer}:{token.id}:{number}"
        if (await store.claim(key, now=now, expires_at=token.expires_at)).won:
            return
    # So that the next one who tries it costs one look, and not as many as it had uses.
    await store.revoke([of_initial_token(token.issuer, token.id, token.expires_at)])
    raise bad_token("used_up")


def of_initial_token(issuer: str, token_id: str, expires_at: float) -> Revocation:
    """Return what ends an initial access token before its time."""
    return Revocation(issuer=issuer, key=_revocation_key(token_id), expires_at=expires_at)


def new_registration_id() -> str:
    """Return an id that never comes twice."""
    return secrets.token_hex(_ID_BYTES)


def bad_token(reason: str) -> BadRegistrationToken:
    """Return the one refusal for every token that does not open this door."""
    return BadRegistrationToken(
        "The token in the Authorization header does not allow this; it may be used up.",
        reason=f"registration_{reason}",
    )


def _revocation_key(token_id: str) -> str:
    return f"initial:{token_id}"
