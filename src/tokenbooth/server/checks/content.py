"""Checks of what is in the database: issuers, keys, credentials, people, and its clock."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tokenbooth.clock import Clock
from tokenbooth.protocol.dialects import Dialect
from tokenbooth.server.checks.finding import Finding, advice, error, warning
from tokenbooth.server.people_records import Invitation, Member
from tokenbooth.server.records import Issuer, StoredKey
from tokenbooth.server.rotation import DAY, current_key, due, schedule_of
from tokenbooth.server.settings import Settings, is_loopback
from tokenbooth.server.stores.contract import Store

_LONG_TOKEN_SECONDS = 86_400
_LONG_REFRESH_SECONDS = 30 * 86_400
_SLACK_SECONDS = 5.0
_OVERDUE_SECONDS = 3_600.0
_UNUSED_DAYS = 90
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What these checks look at."""

    settings: Settings
    store: Store
    dialects: dict[str, Dialect]
    clock: Clock


async def check_content(content: Content) -> AsyncIterator[Finding]:
    """Yield what is wrong with what is stored; raises StoreError."""
    now = content.clock.now()
    async for finding in _clock(content.store, now):
        yield finding
    issuers = await content.store.list_issuers()
    keys = await content.store.list_keys()
    for issuer in issuers:
        for finding in _issuer(content, issuer):
            yield finding
        longest = await content.store.longest_client_token(issuer.name)
        for finding in _keys(issuer, keys, longest, now):
            yield finding
    async for finding in _credentials(content.store, now):
        yield finding
    members = await content.store.list_members()
    for finding in _operators(members, await content.store.list_invitations(), now):
        yield finding


async def _clock(store: Store, now: float) -> AsyncIterator[Finding]:
    head = await store.audit_head()
    for entry in await store.audit_trail(head.seq - 1, limit=1) if head.seq else ():
        ahead = entry.event.at - now
        if ahead > _SLACK_SECONDS:
            yield error(
                "clock_behind",
                f"The newest entry of the audit trail was written {ahead:.0f} s from now.",
                "Set this machine's clock by NTP: tokens carry its time.",
            )


def _issuer(content: Content, issuer: Issuer) -> Iterator[Finding]:
    name = f"The issuer {issuer.name!r}"
    if issuer.dialect not in content.dialects:
        yield error(
            "dialect_missing",
            f"{name} speaks the dialect {issuer.dialect!r}, which is not here.",
            "Put its file where TOKENBOOTH_DIALECTS says.",
        )
    host = urlsplit(issuer.url or "").hostname
    if host and is_loopback(host) and not is_loopback(content.settings.host):
        yield warning(
            "issuer_url_loopback",
            f"{name} has the URL {issuer.url}, which leads every client to itself.",
            "Make an issuer with the public URL, and move its clients there.",
        )
    if issuer.token_lifetime > _LONG_TOKEN_SECONDS:
        yield warning(
            "token_lifetime_long",
            f"Tokens of {name[0].lower()}{name[1:]} live {issuer.token_lifetime / 3600:g} hours: "
            "so long is a stolen one good where nobody asks the service.",
            f"tokenbooth issuers set {issuer.name} --token-lifetime 3600",
        )
    if issuer.refresh_tokens and issuer.refresh_lifetime > _LONG_REFRESH_SECONDS:
        yield advice(
            "refresh_lifetime_long",
            f"Refresh tokens of {name[0].lower()}{name[1:]} live "
            f"{issuer.refresh_lifetime / DAY:g} days.",
            "Shorten them: a client with credentials can ask for a new token at any time.",
        )
    if issuer.token_format == "jwt" and issuer.alg.startswith(("RS", "PS")):
        yield advice(
            "alg_slow",
            f"{name} signs with {issuer.alg}, which takes ten times the time of ES256.",
            f"If all verifiers know ES256: tokenbooth keys rotate --issuer {issuer.name} "
            "--alg ES256",
        )


def _keys(
    issuer: Issuer, keys: tuple[StoredKey, ...], longest: int | None, now: float
) -> Iterator[Finding]:
    for purpose in ("sign", "seal"):
        line = [key for key in keys if (key.issuer, key.purpose) == (issuer.name, purpose)]
        verb = "signs" if purpose == "sign" else "seals"
        if current_key(line, now) is None:
            yield error(
                "key_missing",
                f"No key {verb} for the issuer {issuer.name!r}.",
                f"tokenbooth keys rotate --issuer {issuer.name} --now"
                + (" --sealing" if purpose == "seal" else ""),
            )
        # The running service looks every ten minutes.
        elif due(line, schedule_of(issuer, purpose, longest), now - _OVERDUE_SECONDS):
            yield warning(
                "key_overdue",
                f"The key that {verb} for the issuer {issuer.name!r} should have a successor.",
                "Start the service, or look in its log for what keeps it from making one.",
            )


async def _credentials(store: Store, now: float) -> AsyncIterator[Finding]:
    ending = await store.list_credentials_to_mind(
        now=now, expires_before=now + 14 * DAY, used_before=0.0, limit=_MOST
    )
    soon = [each for each in ending if each.credential.replaced_by is None]
    if soon:
        yield warning(
            "credentials_end_soon",
            f"{_counted(len(soon), 'credential')} will end within two weeks.",
            "tokenbooth credentials reminders, and rotate them.",
        )
    unused = await store.list_credentials_to_mind(
        now=now, expires_before=now, used_before=now - _UNUSED_DAYS * DAY, limit=_MOST
    )
    if unused:
        yield advice(
            "credentials_unused",
            f"{_counted(len(unused), 'credential')} nobody used for {_UNUSED_DAYS} days.",
            "tokenbooth credentials reminders, and remove those that nobody needs.",
        )
    clients = await store.list_clients(enabled=True, limit=_MOST)
    endless = sum(
        any(each.kind == "secret" and each.expires_at is None for each in client.credentials)
        for client in clients
    )
    if endless:
        yield advice(
            "secrets_without_end",
            f"{_counted(endless, 'client')} {'has' if endless == 1 else 'have'} a secret that "
            "never ends.",
            "Give secrets an end when they are made or rotated: --expires 365d.",
        )


def _operators(
    members: tuple[Member, ...], invitations: tuple[Invitation, ...], now: float
) -> Iterator[Finding]:
    operators = [each for each in members if each.role == "operator" and each.enabled]
    if not operators:
        yield advice(
            "operator_missing",
            "The console has no operator.",
            "Open the link that `tokenbooth serve` prints when it starts.",
        )
    # Who signs in elsewhere shows a second factor there.
    alone = [each for each in operators if each.password_hash and each.totp is None]
    if alone:
        yield warning(
            "operator_without_second_factor",
            f"{_counted(len(alone), 'operator')} can sign in by password alone.",
            "They add an authenticator app in the console under You.",
        )
    open_ = [
        each
        for each in invitations
        if each.role == "operator" and each.expires_at > now and each.kind == "invitation"
    ]
    if open_ and operators:
        yield warning(
            "operator_invited",
            f"{_counted(len(open_), 'link')} to become an operator can still be followed.",
            "tokenbooth members invitations, and withdraw what nobody waits for.",
        )


def _counted(number: int, what: str) -> str:
    if number >= _MOST:
        return f"{number} {what}s or more"
    return f"{number} {what}" + ("" if number == 1 else "s")
