"""Look at what the issuer publishes: redirects, the time, its metadata and its keys."""

from tokenbooth.cli.diagnosis.case import Case
from tokenbooth.cli.diagnosis.finding import Finding, Findings, failed, ok, skipped, warning
from tokenbooth.cli.failures import Outcome
from tokenbooth.client.pacing import seconds_since_1970
from tokenbooth.management.token_words import spoken
from tokenbooth.protocol.errors import ProtocolError, printable
from tokenbooth.protocol.keys import parse_key_set
from tokenbooth.protocol.metadata import (
    MAX_METADATA_BYTES,
    MetadataRefused,
    ServerMetadata,
    metadata_urls,
    parse_metadata,
)
from tokenbooth.protocol.strict_json import parse_object
from tokenbooth.remote.address import shown
from tokenbooth.remote.deadline import Deadline
from tokenbooth.remote.fetch import Fetch, FetchFailed, Request, Response
from tokenbooth.remote.key_set import MAX_KEY_SET_BYTES

TOLERATED_SKEW = 30.0  # seconds: what many servers forgive when they look at times in tokens
_SHORTEST_WAIT = 0.1


def check_issuer(case: Case, timeout: float) -> Findings:
    """Ask every place where metadata may be, and describe what the answers say."""
    fetch = case.fetch
    if fetch is None:
        yield skipped("discovery", "nothing can be fetched")
        return
    issuer = case.order.issuer
    places = metadata_urls(issuer) if issuer else (case.order.start,)
    deadline = Deadline(case.clock, timeout)
    answers: dict[str, Response] = {}
    metadata: ServerMetadata | None = None
    refusals: dict[str, None] = {}  # in order, each once
    for place in places:
        try:
            answer = _get(fetch, place, max(deadline.remaining(), _SHORTEST_WAIT))
        except FetchFailed as error:
            yield _not_had(error)
            return
        if not answers:
            yield _clock(case, answer)
        answers[place] = answer
        if issuer is None or answer.status != 200:
            continue
        try:
            metadata = parse_metadata(answer.body, issuer=issuer)
        except MetadataRefused as error:
            refusals[_explained(error, issuer, answer)] = None
            continue
        case.metadata = metadata
        yield ok("redirect", "none on the way to the metadata")
        yield _found(metadata, place, case.order.token_url)
        return
    if issuer is None:
        # How a token endpoint answers GET says nothing about POST: the check token will tell.
        yield skipped("discovery", "no --issuer was given")
        return
    yield _redirect(answers)
    finding = _none(issuer, answers, list(refusals))
    if case.order.token_url is not None:
        # The token can still be had, at the address that was given.
        finding = warning("discovery", finding.seen, details=finding.details)
    yield finding


def check_keys(case: Case, timeout: float) -> Findings:
    """Fetch the keys with which APIs check the tokens."""
    metadata = case.metadata
    if metadata is None or case.fetch is None:
        yield skipped("keys", "there is no metadata that says where they are")
        return
    if metadata.jwks_uri is None:
        yield skipped("keys", "the issuer publishes none: only it can check its tokens")
        return
    place = shown(metadata.jwks_uri)
    fix = f"Tell the issuer's operator: APIs cannot check tokens without {place}."
    try:
        answer = _get(case.fetch, metadata.jwks_uri, timeout, MAX_KEY_SET_BYTES)
        if answer.status != 200:
            outcome = Outcome.SERVER_ERROR if answer.status >= 500 else Outcome.FAILED
            yield failed("keys", outcome, f"{place} answered {answer.status}", fix)
            return
        keys = parse_key_set(answer.body)
    except FetchFailed as error:
        yield failed("keys", Outcome.NETWORK, str(error), fix)
        return
    except (ProtocolError, ValueError):
        yield failed("keys", Outcome.SERVER_ERROR, f"{place} holds no key set", fix)
        return
    algorithms = sorted({key.alg for key in keys})
    if not algorithms:
        yield failed("keys", Outcome.SERVER_ERROR, f"{place} holds no usable key", fix)
        return
    count = f"{len(keys)} key{'' if len(keys) == 1 else 's'}"
    yield ok("keys", f"{count} ({', '.join(algorithms)}) at {place}")


def _get(fetch: Fetch, url: str, timeout: float, max_bytes: int = MAX_METADATA_BYTES) -> Response:
    return fetch(Request(method="GET", url=url, timeout=timeout, max_bytes=max_bytes))


def _not_had(error: FetchFailed) -> Finding:
    outcome = Outcome.USAGE if error.reason == "address" else Outcome.NETWORK
    causes = {
        "timeout": "Try again; if it stays slow, ask the operator, or give --timeout more seconds.",
        "tls": "See what the check named tls says.",
        "garbled": "Check the port, and https against http.",
    }
    default = "Check the address, and what the checks above say."
    return failed("discovery", outcome, str(error), causes.get(error.reason, default))


def _clock(case: Case, answer: Response) -> Finding:
    date = seconds_since_1970(answer.headers.get("date", ""))
    if date is None:
        return skipped("clock", "the server does not tell its time")
    age = answer.headers.get("age", "")
    aged = float(age) if age.isascii() and age.isdecimal() and len(age) < 9 else 0.0
    skew = case.clock.now() - (date + aged)
    case.skew = skew
    if abs(skew) <= TOLERATED_SKEW:
        return ok("clock", "this machine and the server agree on the time")
    direction = "ahead of" if skew > 0 else "behind"
    return warning(
        "clock",
        f"this machine's clock is {spoken(abs(skew))} {direction} the server's",
        "Let NTP set the clock (timedatectl status): tokens look expired or not yet valid, and "
        "signed assertions are refused.",
        "If this machine is right, tell the operator that the server's clock is wrong.",
    )


def _redirect(answers: dict[str, Response]) -> Finding:
    """Name the first redirect, for it may be why there is no metadata."""
    led = ((place, each) for place, each in answers.items() if 300 <= each.status <= 399)
    place, answer = next(led, ("", None))
    if answer is None:
        return ok("redirect", "none")
    target = shown(answer.headers.get("location", ""))
    fix = "Give the final address: credentials follow no redirect, for they would go anywhere."
    if place.startswith("http:") and target.startswith("https:"):
        fix = "Write https:// instead of http://: credentials follow no redirect, and the first "
        fix += "request would already have shown them to the network."
    return failed(
        "redirect",
        Outcome.FAILED,
        f"{shown(place)} leads elsewhere ({answer.status}): {target}",
        fix,
    )


def _explained(error: MetadataRefused, issuer: str, answer: Response) -> str:
    """Return why a document is not the issuer's metadata, with what was expected and what came."""
    try:
        named = parse_object(answer.body).get("issuer")
    except ValueError:
        kind = printable(answer.headers.get("content-type", "of no type"), 60)
        return f"what comes instead of metadata is no JSON object ({kind})"
    if isinstance(named, str) and named != issuer:
        return (
            f"the metadata is another issuer's. Expected: {issuer} - actual: "
            f"{printable(named, 200)}"
        )
    return str(error)


def _found(metadata: ServerMetadata, place: str, token_url: str | None) -> Finding:
    seen = f"metadata at {shown(place)}"
    endpoint = token_url or metadata.token_endpoint
    if endpoint is None:
        return failed(
            "discovery",
            Outcome.FAILED,
            f"{seen} names no token endpoint",
            "Give --token-url with the address from the vendor's documentation.",
        )
    seen += f"; token endpoint {shown(endpoint)}"
    grants = metadata.grant_types_supported
    if grants is not None and "client_credentials" not in grants:
        return warning(
            "discovery",
            f"{seen}; client_credentials is not among its grants",
            "Ask the vendor whether machines get tokens here, or from another issuer.",
        )
    return ok("discovery", seen)


def _none(issuer: str, answers: dict[str, Response], refusals: list[str]) -> Finding:
    details = tuple(f"{shown(place)}: {each.status}" for place, each in answers.items())
    if refusals:
        causes = []
        if "Expected: " in "".join(refusals):
            causes.append(
                "Give the issuer exactly as it names itself (actual), to the last slash, in "
                "every place where it is configured."
            )
        causes.append(
            "Check that the address is the issuer's and not that of a sign-in page, a proxy or a "
            "web site in front of it."
        )
        causes.append("Give --token-url as well, if this vendor publishes no metadata.")
        seen = "; ".join(refusals)
        return failed("discovery", Outcome.FAILED, seen, *causes, details=details)
    if any(each.status >= 500 for each in answers.values()):
        seen = f"{shown(issuer)} is in trouble: it answers with a server error"
        fix = "Try again later, and tell the operator."
        return failed("discovery", Outcome.SERVER_ERROR, seen, fix, details=details)
    if any(each.status == 429 for each in answers.values()):
        seen, fix = f"{shown(issuer)} wants fewer requests (429)", "Wait a minute, then try again."
        return failed("discovery", Outcome.RATE_LIMITED, seen, fix, details=details)
    return failed(
        "discovery",
        Outcome.NOT_FOUND,
        f"{shown(issuer)} publishes no metadata",
        "Check the issuer's address: its path belongs to it, the token endpoint's does not.",
        "Give --token-url, if this vendor publishes no metadata.",
        details=details,
    )
