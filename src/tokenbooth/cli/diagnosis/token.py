"""Ask for a token as an application would, and say in words what came."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from tokenbooth.cli.diagnosis.case import Case
from tokenbooth.cli.diagnosis.finding import Finding, Findings, failed, ok, skipped, warning
from tokenbooth.cli.diagnosis.network import check_way
from tokenbooth.cli.diagnosis.refusals import causes_of
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.last_answer import LastAnswer
from tokenbooth.cli.token_get import outcome_of
from tokenbooth.cli.token_inspect import check_signature
from tokenbooth.cli.token_report import JwtReport, describe, report_on, shown_in_words
from tokenbooth.client.endpoint import Located, TokenEndpoint
from tokenbooth.client.errors import ClientError, TokenUnavailable
from tokenbooth.client.pacing import Pacing
from tokenbooth.client.source import TokenSource
from tokenbooth.client.token import Token
from tokenbooth.management.token_words import plain, spoken
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import read_jwt, unverified_claims
from tokenbooth.protocol.metadata import MetadataRefused
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.secret_form import SecretParts
from tokenbooth.protocol.token_answer import AnswerUnreadable, TokenAnswer, read_token_answer
from tokenbooth.remote.fetch import FetchFailed, HttpFetch

_SHORT = 60.0  # seconds; a token that lives less is renewed all the time
_DISAGREEMENT = 120.0  # seconds between what the answer and the token say of its end
_WIRE_NAMES = {"basic": "client_secret_basic", "basic-raw": "client_secret_basic",
               "body": "client_secret_post"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What came of one token request."""

    method: str
    url: str
    request_id: str
    token: Token | None = None
    error: ClientError | None = None


def check_token(case: Case, timeout: float) -> Findings:
    """Ask for a token, once more in the other way if that may be what is wrong, and describe it."""
    fetch, secret = case.fetch, case.secret
    if fetch is None:
        yield skipped("token", "nothing can be fetched")
        return
    if secret is None:
        why = "there is no usable secret" if case.order.secret else "give --client-id and --secret"
        yield skipped("token", case.withheld or why)
        return
    if case.metadata is None and case.order.token_url is None:
        yield skipped("token", "it is not known where to ask: discovery failed")
        return
    try:
        located = _endpoint(case, fetch).locate(timeout=timeout)
    except (FetchFailed, MetadataRefused) as error:
        outcome = Outcome.NETWORK if isinstance(error, FetchFailed) else Outcome.FAILED
        yield failed("token", outcome, str(error), "See what the check named discovery says.")
        return
    first = _ask(case, fetch, secret, located, timeout)
    second = _second_try(case, first)
    if second is not None:
        located = Located(url=located.url, auth_method=second)
        again = _ask(case, fetch, secret, located, timeout)
        yield _both_ways(first, again, secret)
        case.token = again.token
    elif first.error is not None:
        yield _refused(first, secret, [first.method])
        if outcome_of(first.error) is Outcome.NETWORK:
            yield from check_way(case, first.url, timeout)
    else:
        case.token = first.token
        yield ok("token", f"came, asked for with the secret as {first.method}")
    if case.token is not None:
        yield from _about(case, case.token, fetch)


def _endpoint(case: Case, fetch: HttpFetch) -> TokenEndpoint:
    return TokenEndpoint(
        issuer=case.order.issuer,
        token_url=case.order.token_url,
        dialect=case.order.dialect,
        auth_method=case.order.auth_method,
        fetch=fetch,
        clock=case.clock,
    )


def _ask(case: Case, fetch: HttpFetch, secret: Secret, located: Located, timeout: float) -> _Asked:
    recording = LastAnswer(fetch)
    # The token source also logs why there is no token; here the finding says it.
    logging.getLogger("tokenbooth.client").addHandler(logging.NullHandler())
    token: Token | None = None
    failure: ClientError | None = None
    try:
        with TokenSource(
            client_id=case.order.client_id or "",
            secret=secret,
            token_url=located.url,
            auth_method=located.auth_method,
            scope=case.order.scope,
            resource=case.order.resource,
            dialect=case.order.dialect,
            allow_plain_http_for_development=case.order.allow_plain_http,
            tls=case.tls,
            timeout=timeout,
            pacing=Pacing(tries=1, deadline=timeout),
            fetch=recording,
        ) as source:
            token = source.token()
            case.mask.add(token.access_token)
    except ClientError as error:
        failure = error
    _mask_refresh_token(case, recording)
    return _Asked(
        method=located.auth_method,
        url=located.url,
        request_id=recording.request_id,
        token=token,
        error=failure,
    )


def _mask_refresh_token(case: Case, recording: LastAnswer) -> None:
    response = recording.response
    if response is None:
        return
    try:
        answer = read_token_answer(
            status=response.status, body=response.body, dialect=case.order.dialect
        )
    except AnswerUnreadable:
        return
    if isinstance(answer, TokenAnswer) and answer.refresh_token is not None:
        case.mask.add(answer.refresh_token.reveal())


def _second_try(case: Case, first: _Asked) -> str | None:
    """Return the other way to send the secret, where the server says that it takes it."""
    if not isinstance(first.error, TokenUnavailable) or first.error.code != "invalid_client":
        return None
    listed = case.metadata.token_endpoint_auth_methods_supported if case.metadata else None
    other = "body" if first.method.startswith("basic") else "basic"
    return other if listed and _WIRE_NAMES[other] in listed else None


def _both_ways(first: _Asked, again: _Asked, secret: Secret) -> Finding:
    if again.error is not None:
        return _refused(first, secret, [first.method, again.method])
    return failed(
        "token",
        Outcome.AUTHENTICATION,
        f"refused with the secret as {first.method}, and came with it as {again.method}. "
        "The other checks go on with that token",
        f"Send the secret as {again.method}: --auth-method {again.method}, "
        f'TokenSource(auth_method="{again.method}"), or {_WIRE_NAMES[again.method]} as other '
        "clients call it.",
        "Ask the operator to register the client for both ways.",
    )


def _refused(asked: _Asked, secret: Secret, methods: list[str]) -> Finding:
    error = asked.error
    outcome = outcome_of(error) if error is not None else Outcome.FAILED
    causes: tuple[str, ...] = ()
    if isinstance(error, TokenUnavailable):
        is_ours = SecretParts.read(secret) is not None
        causes = tuple(
            causes_of(error, request_id=asked.request_id, methods=methods, is_ours=is_ours)
        )
    return failed("token", outcome, str(error), *causes)


def _about(case: Case, token: Token, fetch: HttpFetch) -> Iterator[Finding]:
    """Describe the token; what an API would refuse is a failure."""
    left = token.expires_at - case.clock.now()
    seen = [f"valid for {spoken(left)}" if left > 0 else "already over"]
    worries = []
    if left < _SHORT:
        worries.append(
            "Check that expires_in is in seconds, and ask the operator for a longer lifetime: "
            "this token has to be renewed all the time."
        )
    missing = _missing(case, token.scope)
    if missing:
        worries.append(
            f"Ask for the scope {missing} to be granted to this client: the token lacks it."
        )
    try:
        report = _report(case, token, fetch)
    except Failure as failure:
        yield failed("content", Outcome.SERVER_ERROR, failure.format_message())
        return
    if isinstance(report, str):
        scope = f", scopes {token.scope}" if token.scope else ""
        seen.append(f"not readable from outside{scope}")
        details: tuple[str, ...] = (report,)
    else:
        case.audience = report.audience
        seen += _in_short(report)
        worries += _worries(case, token, report)
        details = tuple(shown_in_words(report).split("\n"))
        if report.refused_because and report.signature.result != "wrong_issuer":
            yield failed(
                "content",
                Outcome.AUTHENTICATION,
                f"an API would refuse this token: {report.refused_because}",
                *_why_refused(case, report),
                *worries,
                details=details,
            )
            return
    text = "; ".join(seen)
    yield (warning if worries else ok)("content", text, *worries, details=details)


def _missing(case: Case, granted: Scope) -> str:
    asked = (case.order.scope or "").split()
    return " ".join(name for name in asked if name not in granted.names)


def _report(case: Case, token: Token, fetch: HttpFetch) -> JwtReport | str:
    opaque = describe(token.access_token)
    if opaque is not None:
        return opaque.text
    try:
        jwt = read_jwt(token.access_token)
        claims = unverified_claims(jwt)
    except TokenRefused:
        return "It has the looks of a JWT but is none that can be read; its issuer may read it."
    named, issuer = claims.get("iss"), case.order.issuer
    if case.metadata is None:
        # Nothing vouches for the address in the token: it is not asked.
        signature = check_signature(jwt, None, None, fetch, offline=True)
    else:
        issuer_named = named if isinstance(named, str) else None
        signature = check_signature(jwt, issuer_named, issuer, fetch, offline=False)
    return report_on(jwt, claims, signature, now=case.clock.now())


def _in_short(report: JwtReport) -> list[str]:
    return [
        f"for {', '.join(map(plain, report.audience)) or 'no API that it names'}",
        f"scopes {' '.join(map(plain, report.scope)) or 'none'}",
        f"signature {plain(report.signature.text)}",
    ]


def _worries(case: Case, token: Token, report: JwtReport) -> list[str]:
    worries = []
    if not report.audience:
        worries.append(
            "Ask the operator for an audience (--resource, if there are several APIs): APIs "
            "should refuse a token that is for nobody in particular."
        )
    if report.signature.result == "wrong_issuer":
        worries.append(
            f"Check which issuer the API trusts: the token names {plain(report.issuer)}, not "
            f"{case.order.issuer}."
        )
    if report.signature.result == "not_checkable":
        worries.append("See what the checks named discovery and keys say.")
    end = report.expires_at
    if end is not None and abs(end - token.expires_at) > _DISAGREEMENT + abs(case.skew or 0.0):
        worries.append(
            "Tell the operator: expires_in and the token itself disagree about its end by "
            f"{spoken(abs(end - token.expires_at))}. Is expires_in in milliseconds?"
        )
    return worries


def _why_refused(case: Case, report: JwtReport) -> list[str]:
    if report.status in ("expired", "not_yet_valid"):
        causes = ["Tell the operator: the service's clock or its lifetimes are wrong."]
        if case.skew is not None:
            causes.insert(0, "Set this machine's clock: see what the check named clock says.")
        return causes
    return ["Tell the operator: the token is not signed with a key that the issuer publishes."]
