"""Call the API with the token, and explain its refusal."""

import re
from collections.abc import Mapping

from tokenbooth.cli.diagnosis.case import Case
from tokenbooth.cli.diagnosis.finding import Finding, Findings, failed, ok, skipped, warning
from tokenbooth.cli.diagnosis.network import check_way
from tokenbooth.cli.failures import Outcome
from tokenbooth.client.rejection import challenge_errors
from tokenbooth.protocol.errors import printable
from tokenbooth.remote.address import shown
from tokenbooth.remote.fetch import FetchFailed, Request, Response

_MOST_BYTES = 8 << 20
_PARAMETER = re.compile(r'\b(error_description|scope|resource_metadata)="((?:[^"\\]|\\.)*)"')
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)


def check_api(case: Case, timeout: float) -> Findings:
    """Call the API once, with GET, and describe the answer."""
    url, fetch, token = case.order.api, case.fetch, case.token
    if url is None:
        yield skipped("api", "no --api was given")
        return
    if token is None or fetch is None:
        yield skipped("api", "there is no token to call it with")
        return
    headers = {"authorization": token.authorization, "accept": "*/*"}
    request = Request(
        method="GET", url=url, headers=headers, timeout=timeout, max_bytes=_MOST_BYTES
    )
    try:
        answer = fetch(request)
    except FetchFailed as error:
        yield _not_had(error)
        if error.reason in ("unreachable", "timeout", "tls"):
            yield from check_way(case, url, timeout)
        return
    yield _explained(case, shown(url), answer)


def _not_had(error: FetchFailed) -> Finding:
    if error.reason in ("too_large", "compressed"):
        return warning("api", f"{error} So it answered, and is not looked at further")
    if error.reason == "address":
        return failed("api", Outcome.USAGE, str(error))
    return failed(
        "api",
        Outcome.NETWORK,
        str(error),
        "Check the address of the API, and the checks of its way.",
    )


def _explained(case: Case, place: str, answer: Response) -> Finding:
    status = answer.status
    seen = f"{place} answered {status}"
    request_id = answer.headers.get("x-request-id", "")
    if _REQUEST_ID.fullmatch(request_id):
        seen += f" (X-Request-Id: {request_id})"
    if 200 <= status <= 299:
        return ok("api", seen)
    if 300 <= status <= 399:
        target = shown(answer.headers.get("location", ""))
        return failed(
            "api",
            Outcome.FAILED,
            f"{seen}, to {target}",
            "Call the final address: HTTP clients drop the Authorization header when a redirect "
            "leads to another host, so the token is lost on the way.",
        )
    if status == 401:
        return _unauthorized(case, seen, answer)
    if status == 403:
        return _forbidden(seen, answer)
    if status == 400:
        return _malformed(seen, answer)
    if status == 429:
        return failed("api", Outcome.RATE_LIMITED, seen, "Call less often, or ask for more calls.")
    if status >= 500:
        fix = "Try again later, and tell the API's operator: the token is not the problem."
        return failed("api", Outcome.SERVER_ERROR, seen, fix)
    return _about_the_call(status, seen)


def _about_the_call(status: int, seen: str) -> Finding:
    if status == 404:
        return failed("api", Outcome.NOT_FOUND, seen, "Check the path of --api.")
    return warning(
        "api", seen, "Check the path of --api: GET may not be what it takes; the token passed."
    )


def _unauthorized(case: Case, seen: str, answer: Response) -> Finding:
    header = answer.headers.get("www-authenticate", "")
    errors = challenge_errors([header], "Bearer") if header else None
    stripped = (
        "Look for what strips the Authorization header on the way: a gateway, a redirect, CGI or "
        "a web server that keeps it to itself."
    )
    wrong_token = (
        "Check that the API trusts this issuer and that the token is for it: the token is for "
        f"{', '.join(case.audience) or 'no API that can be seen from outside'}."
    )
    if errors is None:
        what, causes = "without saying why (no challenge)", [wrong_token, stripped]
    elif not errors:
        what = f"and wants another kind of proof: {printable(header, 100)}"
        causes = ["Check the address: this API takes no bearer token there.", stripped]
    elif errors[0] == "":
        what = "as if no token had reached it (a challenge without an error)"
        causes = [stripped, wrong_token]
    else:
        what = f"with {printable(errors[0], 60)}{_description(header)}"
        causes = [wrong_token]
        if case.skew is not None and abs(case.skew) > 1:
            causes.append("Compare the clocks of API and issuer: tokens end by the API's clock.")
        causes.append(
            "Ask the API's operator whether it fetches the issuer's current keys: a new key is "
            "unknown until then."
        )
    return failed("api", Outcome.AUTHENTICATION, f"{seen} {what}", *causes)


def _forbidden(seen: str, answer: Response) -> Finding:
    header = answer.headers.get("www-authenticate", "")
    needed = printable(_parameters(header).get("scope", ""), 200)
    if "insufficient_scope" in (challenge_errors([header], "Bearer") or ()):
        return failed(
            "api",
            Outcome.NOT_ALLOWED,
            f"{seen}: the token is good, but lacks the scope {needed or 'that it needs'}"
            f"{_description(header)}",
            f"Ask for {needed or 'the scope'} too, with --scope.",
            "Ask the operator to grant it to this client, if that is refused.",
        )
    return failed(
        "api",
        Outcome.NOT_ALLOWED,
        f"{seen}{_description(header)}",
        "Ask the API's operator what this client may do: the token is good, the call not for it.",
        "Ask whether a firewall or an allow-list of networks stands before the API.",
    )


def _malformed(seen: str, answer: Response) -> Finding:
    header = answer.headers.get("www-authenticate", "")
    if "invalid_request" in (challenge_errors([header], "Bearer") or ()):
        return failed(
            "api",
            Outcome.AUTHENTICATION,
            f"{seen}: the token did not arrive whole{_description(header)}",
            "Look for what changes or repeats the Authorization header on the way.",
        )
    return warning("api", seen, "Check what the API wants beside the token: it wants more.")


def _description(header: str) -> str:
    text = _parameters(header).get("error_description", "")
    return f" ({printable(text)})" if text else ""


def _parameters(header: str) -> Mapping[str, str]:
    return dict(_PARAMETER.findall(header[:8192]))
