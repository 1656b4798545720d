"""Say why a request was refused: what came, what was wrong with it, and what to do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tokenbooth.management.activity.reasons import known_reasons, words_for
from tokenbooth.management.errors import Missing, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.rights import require
from tokenbooth.server.audit_records import RefusedRequest
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Client, RegisteredClient

_ID_CHARACTERS = frozenset("0123456789abcdef")
_ID_LENGTH = 24
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~-]*")  # fit for a command line to be copied


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonView:
    """A reason of refusals in words."""

    reason: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalView:
    """One refused request as people see it."""

    request_id: str
    at: datetime
    why: str
    remedy: str
    issuer: str
    client_id: str  # as claimed
    endpoint: str
    status: int
    error: str
    reason: str
    method: str
    credential_id: str
    source: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A refused request, and what else is known that helps."""

    refusal: RefusalView
    hints: tuple[str, ...]


def is_request_id(text: str) -> bool:
    """Whether it looks like the id of a request, and not like a reason."""
    return len(text) == _ID_LENGTH and not set(text) - _ID_CHARACTERS


def explain_reason(reason: str) -> ReasonView:
    """Return what an error code or a typed reason means; raises Missing."""
    words = words_for(reason)
    if words is None:
        raise Missing(no_such("error code or reason", reason[:80], known_reasons()))
    return ReasonView(reason=reason, why=words.why, remedy=words.remedy)


async def explain_refusal(booth: Booth, request_id: str) -> Explanation:
    """Return why that request was refused; raises Missing.

    Whoever acts for an account sees refusals of that account's clients alone.
    """
    require(booth, "audit:read")
    refused = await booth.store.find_refused(request_id)
    registered = await _client_of(booth, refused) if refused is not None else None
    account = booth.actor.account
    if refused is not None and account is not None and not _is_of(refused, registered, account):
        refused = None
    if refused is None:
        raise Missing(
            f"No refused request {request_id[:80]} is known. Refusals appear within seconds and "
            f"are kept {booth.settings.refusals_kept_days} days; of many alike in a minute the "
            "first ones are. The id is the X-Request-Id of the answer."
        )
    hints = tuple(_hints(refused, registered))
    if registered is None and account is None:
        hints = (*hints, *await _elsewhere(booth, refused))
    return Explanation(refusal=_view(refused), hints=hints)


async def list_refusals(
    booth: Booth,
    *,
    issuer: str | None = None,
    client_id: str | None = None,
    account: str | None = None,
    before: tuple[float, str] | None = None,
    limit: int = 100,
) -> tuple[RefusalView, ...]:
    """Return refused requests, the latest first, starting behind that time and request id."""
    require(booth, "audit:read")
    own = booth.actor.account
    if own is not None and account not in (None, own):
        return ()
    found = await booth.store.list_refused(
        issuer=issuer, client_id=client_id, account=own or account, before=before, limit=limit
    )
    return tuple(_view(refused) for refused in found)


async def _client_of(booth: Booth, refused: RefusedRequest) -> RegisteredClient | None:
    return await booth.store.get_client(refused.issuer, refused.client_id)


def _is_of(refused: RefusedRequest, registered: RegisteredClient | None, account: str) -> bool:
    if registered is None or registered.client.account != account:
        return False
    # Before it was made, somebody else may have had its id.
    return registered.client.created_at <= refused.at


def _view(refused: RefusedRequest) -> RefusalView:
    words = words_for(refused.reason) or words_for(refused.error)
    remedy = words.remedy if words is not None else "The answer's error_description says more."
    if _PLAIN.fullmatch(refused.client_id):
        remedy = remedy.replace("CLIENT", refused.client_id)
    return RefusalView(
        request_id=refused.request_id,
        at=datetime.fromtimestamp(refused.at, UTC),
        why=words.why if words is not None else f"The request was refused: {refused.error}.",
        remedy=remedy,
        issuer=refused.issuer,
        client_id=refused.client_id,
        endpoint=refused.endpoint,
        status=refused.status,
        error=refused.error,
        reason=refused.reason,
        method=refused.method,
        credential_id=refused.credential_id,
        source=refused.source,
        agent=refused.agent,
    )


def _hints(refused: RefusedRequest, registered: RegisteredClient | None) -> Iterator[str]:
    if registered is None:
        return
    client = registered.client
    if refused.credential_id:
        yield _about_credential(refused.credential_id, registered)
    if refused.reason != "client_disabled" and not client.enabled:
        yield "The client is disabled now."
    match refused.reason:
        case "invalid_scope" | "scopes_of_several_apis":
            yield f"The client may have: {_access(client)}"
        case "invalid_target" | "no_access":
            yield f"The client has access to: {', '.join(e.api for e in client.access) or 'no API'}"
        case "unauthorized_client":
            yield f"The client has the grants: {', '.join(client.grant_types)}"
        case "wrong_method":
            yield f"The client authenticates by: {', '.join(client.auth_methods)}"
        case "network_not_allowed":
            yield f"The client calls from: {', '.join(client.policy.networks)}"
        case "wrong_secret" | "damaged_secret" | "expired_secret":
            ends = [each.hint for each in registered.credentials if each.kind == "secret"]
            yield f"The client's secrets end with: {', '.join(ends) or 'there is none'}"


def _about_credential(credential_id: str, registered: RegisteredClient) -> str:
    for each in registered.credentials:
        if each.id != credential_id:
            continue
        named = f" {each.label!r}" if each.label else ""
        hint = f", ending with {each.hint}" if each.kind == "secret" and each.hint else ""
        end = f" Its end is {moment(each.expires_at):%Y-%m-%d %H:%M}Z." if each.expires_at else ""
        return f"It was the {each.kind}{named} {each.id}{hint}.{end}"
    return (
        f"The secret that was sent names the credential {credential_id}, which this client does "
        "not have: it was removed, or it is another client's."
    )


def _access(client: Client) -> str:
    return "; ".join(f"{each.api} ({' '.join(each.scopes)})" for each in client.access) or "nothing"


async def _elsewhere(booth: Booth, refused: RefusedRequest) -> list[str]:
    if not refused.client_id:
        return []
    others = await booth.store.find_clients(refused.client_id)
    return [
        f"A client of that id exists at the issuer {each.client.issuer!r}."
        for each in others
        if each.client.issuer != refused.issuer
    ]
