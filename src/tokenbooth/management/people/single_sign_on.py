"""Single sign-on with any OpenID Connect provider: authorization code, PKCE, state and nonce.

Who signs in there is a member here by that identity. The first time, an email address that the
provider has verified leads to the member, or to an invitation: nobody gets in who was not invited.
"""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlencode

from tokenbooth.clock import Clock
from tokenbooth.management.addresses import service_url
from tokenbooth.management.errors import Failed, SignInRefused
from tokenbooth.management.names import MAX_TEXT
from tokenbooth.management.people.emails import clean_email
from tokenbooth.management.people.invitations import add_invited, invitation_of
from tokenbooth.management.people.links import open_invitation
from tokenbooth.management.people.provider import Provider, ProviderFailed
from tokenbooth.management.people.sessions import SignedIn, Visitor, acting_as, note_proof
from tokenbooth.management.people.sign_in import CodeNeeded, after_first_factor
from tokenbooth.management.people.sign_in_attempts import (
    budget_of_network,
    forgive,
    record_refusal,
    take_attempt,
)
from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import TokenRefused, printable
from tokenbooth.protocol.id_token import SignedInElsewhere
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.fetch import Fetch, HttpFetch
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Invitation, Member, Session
from tokenbooth.server.sealing import SealingKey
from tokenbooth.server.settings import Settings
from tokenbooth.server.stores.contract import AlreadyExists, Stale

CALLBACK_PATH = "/console/sign-in/elsewhere/back"
PENDING_SECONDS = 600
_PENDING = "tbw_"
_RANDOM_BYTES = 32
_ID_BYTES = 8
_TOO_LONG = "That took too long, or began in another browser. Sign in again."
_NOT_INVITED = (
    "You are signed in there, but nobody invited you here. Ask an operator or owner of your "
    "account for an invitation to the same email address."
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that goes on at the provider."""

    address: str  # to send the browser to
    pending: Secret  # a cookie for ten minutes, to be sent back with SameSite=Lax


class SingleSignOn:
    """The provider of this service; a process has one, which remembers the provider's keys."""

    def __init__(self, settings: Settings, clock: Clock, *, fetch: Fetch | None = None) -> None:
        self._provider = Provider(settings, clock, fetch or HttpFetch(clock=clock))
        # What others answer slowly holds up nobody else.
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="single-sign-on")

    @classmethod
    def of(cls, booth: Booth) -> "SingleSignOn | None":
        """Return it if the settings name a provider."""
        return cls(booth.settings, booth.clock) if booth.settings.sso_issuer else None

    async def begin(
        self, booth: Booth, *, unverified_code: str | None = None, fresh: bool = False
    ) -> Begun:
        """Begin to sign in: to join by the link of that code, or `fresh` to prove oneself again.

        Raises Missing for a link that leads nowhere, Failed while the provider is away.
        """
        invitation = None
        if unverified_code is not None:
            invitation = await open_invitation(booth, unverified_code)
        endpoint = await self._run(self._provider.authorization_endpoint)
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
        now = booth.clock.now()
        pending = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "invitation": None if invitation is None else invitation.digest,
            "fresh_after": now if fresh else None,
            "exp": now + PENDING_SECONDS,
        }
        asked = {
            "response_type": "code",
            "client_id": booth.settings.sso_client_id or "",
            "redirect_uri": _callback(booth),
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if fresh:
            asked |= {"prompt": "login", "max_age": "0"}
        separator = "&" if "?" in endpoint else "?"
        return Begun(
            address=endpoint + separator + urlencode(asked),
            pending=Secret(_key(booth).seal(_PENDING, pending)),
        )

    async def finish(
        self,
        booth: Booth,
        *,
        unverified_query: Mapping[str, str],
        unverified_pending: str,
        visitor: Visitor,
    ) -> SignedIn | CodeNeeded:
        """Sign in who comes back from the provider.

        Raises SignInRefused, TooManyAttempts, or Failed while the provider is away.
        """
        budgets = [budget_of_network(visitor)]
        await take_attempt(booth, budgets, visitor)
        pending, who = await self._returned(booth, unverified_query, unverified_pending, visitor)
        member = await self._member(booth, who, pending["invitation"], visitor)
        await forgive(booth, budgets)
        return await after_first_factor(booth, member, visitor, how="single sign-on")

    async def prove_again(
        self,
        booth: Booth,
        session: Session,
        member: Member,
        *,
        unverified_query: Mapping[str, str],
        unverified_pending: str,
        visitor: Visitor,
    ) -> Session:
        """Renew the proof of a session by a new sign-in of the same identity at the provider."""
        pending, who = await self._returned(booth, unverified_query, unverified_pending, visitor)
        if pending["fresh_after"] is None or who.identity != member.identity:
            await record_refusal(booth, member, visitor, reason="another_identity")
            raise SignInRefused("Somebody else signed in there. Sign in as yourself.")
        return await note_proof(booth, session)

    async def _returned(
        self,
        booth: Booth,
        unverified_query: Mapping[str, str],
        unverified_pending: str,
        visitor: Visitor,
    ) -> tuple[dict[str, Any], SignedInElsewhere]:
        pending = await _opened(booth, unverified_query, unverified_pending)
        error = unverified_query.get("error")
        if error is not None:
            await record_refusal(booth, None, visitor, reason="refused_elsewhere")
            said = printable(error, 60)
            raise SignInRefused(f"The sign-in was not finished there ({said}). Try again.")
        # RFC 9207 §2.4: an answer of another provider is not taken for this one's.
        if unverified_query.get("iss", booth.settings.sso_issuer) != booth.settings.sso_issuer:
            await record_refusal(booth, None, visitor, reason="wrong_issuer")
            raise SignInRefused(_TOO_LONG)
        try:
            who = await self._run(
                lambda: self._provider.who_signed_in(
                    unverified_query.get("code", ""),
                    verifier=pending["verifier"],
                    redirect_uri=_callback(booth),
                    nonce=pending["nonce"],
                    signed_in_after=pending["fresh_after"],
                )
            )
        except TokenRefused as refused:
            await record_refusal(booth, None, visitor, reason=refused.reason)
            raise SignInRefused(
                "The provider's answer cannot be used. Sign in again; if that does not help, "
                "tell the operator."
            ) from refused
        return pending, who

    async def _member(
        self, booth: Booth, who: SignedInElsewhere, invitation: str | None, visitor: Visitor
    ) -> Member:
        known = await booth.store.find_member(identity=who.identity)
        if known is not None:
            return await _enabled(booth, known, visitor)
        email = clean_email(who.verified_email or "")
        if email is None:
            await record_refusal(booth, None, visitor, reason="email_not_verified")
            raise SignInRefused(
                "The provider has not verified your email address, so nobody knows you here."
            )
        member = await booth.store.find_member(email=email)
        if member is not None:
            return await _linked(booth, await _enabled(booth, member, visitor), who, visitor)
        invited = await _invitation(booth, invitation, email)
        if invited is None:
            await record_refusal(booth, None, visitor, reason="not_invited", email=email)
            raise SignInRefused(_NOT_INVITED)
        joined = Member(
            id=secrets.token_hex(_ID_BYTES),
            email=email,
            name=who.name if who.name.isprintable() and len(who.name) <= MAX_TEXT else "",
            role=invited.role,
            account=invited.account,
            identity=who.identity,
            created_at=booth.clock.now(),
        )
        await add_invited(booth, joined, invited, visitor, how="single sign-on")
        return joined

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except ProviderFailed as error:
            raise Failed(str(error)) from error


async def _opened(
    booth: Booth, unverified_query: Mapping[str, str], unverified_pending: str
) -> dict[str, Any]:
    try:
        pending = _key(booth).open(_PENDING, unverified_pending)
    except TokenRefused as refused:
        raise SignInRefused(_TOO_LONG) from refused
    now = booth.clock.now()
    state = unverified_query.get("state", "").encode("utf-8", "replace")
    # RFC 6749 §10.12: nobody is signed in by an answer to a question of somebody else.
    if now >= pending["exp"] or not hmac.compare_digest(state, pending["state"].encode()):
        raise SignInRefused(_TOO_LONG)
    name = sha256(pending["state"].encode()).hexdigest()
    claim = await booth.store.claim(f"single-sign-on:{name}", now=now, expires_at=pending["exp"])
    if not claim.won:
        raise SignInRefused(_TOO_LONG)
    return pending


async def _enabled(booth: Booth, member: Member, visitor: Visitor) -> Member:
    if not member.enabled:
        await record_refusal(booth, member, visitor, reason="disabled")
        raise SignInRefused(_NOT_INVITED)
    return member


async def _linked(booth: Booth, member: Member, who: SignedInElsewhere, visitor: Visitor) -> Member:
    """Give the identity to the member of that email, who has none yet.

    A password from before is dropped, and sessions are ended: whoever chose it need not be whose
    address it is, for the link of an invitation is handed over by others.
    """
    if member.identity is not None:
        # An address can come to belong to somebody else, at the provider or before it.
        await record_refusal(booth, member, visitor, reason="another_identity")
        raise SignInRefused(
            "Somebody else signs in with this email address. Ask an operator for help."
        )
    linked = replace(member, identity=who.identity, password_hash=None)
    event = acting_as(booth, member, visitor).event(
        "member_changed",
        account=member.account,
        subject=member.email,
        changes={"identity": [None, who.identity]},
        password_dropped=member.password_hash is not None,
    )
    try:
        await booth.store.replace_member(linked, seen=member, ending_sessions=True, audit=[event])
    except (Stale, AlreadyExists) as error:
        raise SignInRefused("Something changed at this moment. Sign in again.") from error
    return linked


async def _invitation(booth: Booth, digest: str | None, email: str) -> Invitation | None:
    """Return the invitation that was followed, if it is for this person; else any other one."""
    followed = None if digest is None else await booth.store.get_invitation(digest)
    if followed is not None and followed.kind == "invitation" and followed.email == email:
        return followed
    return await invitation_of(booth, email)


def _callback(booth: Booth) -> str:
    return service_url(booth) + CALLBACK_PATH


def _challenge(verifier: str) -> str:
    # RFC 7636 §4.2
    return base64url.encode(sha256(verifier.encode("ascii")).digest()).decode("ascii")


def _key(booth: Booth) -> SealingKey:
    return SealingKey(booth.secrets.derive(b"single sign-on"))
