"""The button "Test": one real token request through the service's own door, told in words."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.errors import BadInput
from tokenbooth.management.instructions.facts import AUTHENTICATION, Facts, gather_facts
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.management.token_words import TokenWords, plain, time_claim, words_of
from tokenbooth.management.tokens.token_preview import descriptions_of
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import read_jwt, unverified_claims
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.strict_json import parse_object
from tokenbooth.protocol.token_answer import AnswerUnreadable, TokenAnswer, read_token_answer
from tokenbooth.remote.fetch import Request, Response
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.exchange import ASGIApp
from tokenbooth.server.in_process import InProcessFetch
from tokenbooth.server.issuer_view import INTROSPECTION_PATH

MASK = "••••••••"
_LONGEST_SECRET = 4096
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTest:
    """What was asked, what came back, and what that means."""

    request: str  # as sent, the secret masked
    status: int
    answer: str = field(repr=False)  # the body, laid out; it holds the token
    request_id: str  # under which the audit trail has it
    token: Secret | None  # None: refused
    words: TokenWords | None  # of the token
    refusal: str  # why there is no token; empty where there is one

    @property
    def is_granted(self) -> bool:
        """Whether the client got a token."""
        return self.token is not None


async def test_token(
    booth: Booth,
    service: ASGIApp,
    client_id: str,
    secret: Secret,
    *,
    issuer: str | None = None,  # noqa: PT028 - this is no test of pytest
    api: str | None = None,  # noqa: PT028 - nor is this
) -> TokenTest:
    """Get a token as the client itself would, with the secret that the person has at hand.

    It counts and is recorded like any other request, as coming from the person's own address.
    Raises Missing, Ambiguous, or BadInput for a client that has no API, or does not prove itself
    by a secret alone: for that one see `preview_token`.
    """
    require(booth, "clients:read")
    registered = await find_client(booth, client_id, issuer=issuer)
    owner = await find_issuer(booth, registered.client.issuer)
    facts, _ = await gather_facts(booth, owner, registered, api)
    _refuse_untestable(facts, secret)
    door = InProcessFetch(
        service, asyncio.get_running_loop(), source=booth.actor.source or "127.0.0.1"
    )
    asked = _token_request(facts, secret)
    came = await door.ask(asked)
    shown = _shown(_token_request(facts, Secret(MASK)), facts)
    read = _read(came, facts)
    request_id = came.headers.get("x-request-id", "")
    if isinstance(read, str):
        return TokenTest(
            request=shown,
            status=came.status,
            answer=_laid_out(came),
            request_id=request_id,
            token=None,
            words=None,
            refusal=read,
        )
    claims, key = await _decoded(door, facts, secret, read.access_token)
    apis = await booth.store.list_apis(owner.name)
    # It is a moment old: what counts is how long it was made for.
    issued_at = time_claim(claims, "iat") or booth.clock.now()
    return TokenTest(
        request=shown,
        status=came.status,
        answer=_laid_out(came),
        request_id=request_id,
        token=read.access_token,
        words=words_of(claims, now=issued_at, key=key, known=descriptions_of(apis)),
        refusal="",
    )


def _refuse_untestable(facts: Facts, secret: Secret) -> None:
    if not facts.has_secret:
        raise BadInput(
            f"This client proves itself {AUTHENTICATION[facts.proof]}, which cannot be done here. "
            "Preview its token instead."
        )
    if facts.is_dpop_bound or facts.shows_certificate:
        raise BadInput(
            "The tokens of this client are bound to a key or certificate that it alone has. "
            "Preview its token instead."
        )
    text = secret.reveal()
    if not text or len(text) > _LONGEST_SECRET or not text.isprintable():
        raise BadInput("Paste the whole secret, and nothing else.")


def _token_request(facts: Facts, secret: Secret) -> Request:
    return _with_secret(facts, secret, facts.token_endpoint, dict(facts.form))


def _with_secret(facts: Facts, secret: Secret, url: str, form: Mapping[str, str]) -> Request:
    headers = {"Content-Type": _FORM, "Accept": "application/json"}
    if facts.proof == "basic":
        # RFC 6749 §2.3.1
        pair = f"{quote(facts.client_id, safe='')}:{quote(secret.reveal(), safe='')}"
        headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    else:
        form = {**form, "client_id": facts.client_id, "client_secret": secret.reveal()}
    return Request(method="POST", url=url, headers=headers, body=urlencode(form).encode())


def _shown(masked: Request, facts: Facts) -> str:
    """The request as text; `masked` was made with the mask in the secret's place."""
    headers = dict(masked.headers)
    if "Authorization" in headers:
        headers["Authorization"] = f"Basic base64({facts.client_id}:{MASK})"
    body = masked.body.decode().replace(quote(MASK), MASK)
    lines = [f"{masked.method} {masked.url}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\n".join([*lines, "", body])


def _read(answer: Response, facts: Facts) -> TokenAnswer | str:
    """Return the token, or why there is none."""
    try:
        read = read_token_answer(status=answer.status, body=answer.body, dialect=facts.dialect)
    except AnswerUnreadable as error:  # a dialect of the operator's own may make it so
        return str(error)
    if isinstance(read, TokenAnswer):
        return read
    return read.description or plain(read.code) or f"The service answered {answer.status}."


def _laid_out(answer: Response) -> str:
    return json.dumps(parse_object(answer.body), indent=2, ensure_ascii=False)


async def _decoded(
    door: InProcessFetch, facts: Facts, secret: Secret, token: Secret
) -> tuple[Mapping[str, Any], str]:
    """Return what the token says, and what signed or sealed it."""
    try:
        jwt = read_jwt(token.reveal())
        # Not verified: it comes from the service itself, a moment ago.
        return unverified_claims(jwt), f"signed with {jwt.alg} by the key {plain(jwt.kid)}"
    except TokenRefused:
        pass  # an opaque one, which its own client may introspect
    url = facts.issuer_url + INTROSPECTION_PATH
    asked = _with_secret(facts, secret, url, {"token": token.reveal()})
    said = parse_object((await door.ask(asked)).body)
    return said, "sealed: the issuer alone can read it"
