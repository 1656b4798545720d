"""Take a token apart, check its signature with the issuer's keys, and say it all in words."""

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import read_stdin
from tokenbooth.cli.output import write_json
from tokenbooth.cli.token_report import JwtReport, Signature, describe, report_on, shown_in_words
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.protocol.errors import KeyRefused, ProtocolError, TokenRefused
from tokenbooth.protocol.jwt import UnverifiedJwt, read_jwt, unverified_claims, verify_jwt
from tokenbooth.protocol.strict_json import parse_object
from tokenbooth.remote.fetch import Fetch, FetchFailed, HttpFetch
from tokenbooth.remote.key_set import RemoteKeySet
from tokenbooth.remote.metadata import discover

_ANSWER_MEMBERS = ("access_token", "Token")


def inspect_token(unverified: str, *, issuer: str | None, offline: bool, as_json: bool) -> None:
    """Write what the token is; raises Failure where it is none, or would be refused."""
    text = bare_token(read_stdin("token") if unverified == "-" else unverified)
    about = describe(text)
    if about is not None:
        if as_json:
            write_json(about)
        else:
            click.echo(about.text)
        return
    try:
        jwt = read_jwt(text)
        claims = unverified_claims(jwt)
    except TokenRefused as error:
        raise Failure(
            Outcome.FAILED, f"This looks like a JWT, but cannot be read ({error}): copy it whole."
        ) from error
    named = claims.get("iss")
    fetch = HttpFetch()
    try:
        signature = check_signature(
            jwt, named if isinstance(named, str) else None, issuer, fetch, offline=offline
        )
    finally:
        fetch.close()
    report = report_on(jwt, claims, signature, now=SYSTEM_CLOCK.now())
    if as_json:
        write_json(report)
    else:
        click.echo(shown_in_words(report))
    _end(report)


def bare_token(text: str) -> str:
    """Return the token in what was pasted: a header line, a token answer, or the token itself."""
    text = text.strip().strip("\"'")
    if text.startswith("{"):
        try:
            members = parse_object(text.encode("utf-8", "replace"))
        except ValueError as error:
            raise Failure(Outcome.USAGE, "This is neither a token nor a token answer.") from error
        found = next((members[name] for name in _ANSWER_MEMBERS if name in members), None)
        if not isinstance(found, str):
            raise Failure(Outcome.USAGE, "This JSON holds no access_token.")
        text = found
    words = text.split()
    if words and words[0].lower() == "authorization:":
        words = words[1:]
    if words and words[0].lower() == "bearer":
        words = words[1:]
    if not words:
        raise Failure(Outcome.USAGE, "There is no token.")
    # A token copied from a narrow terminal comes in several lines.
    return "".join(words)


def check_signature(
    jwt: UnverifiedJwt,
    named: str | None,
    expected: str | None,
    fetch: Fetch,
    *,
    offline: bool,
) -> Signature:
    """Check the signature with the issuer's keys, or say why it stays unchecked."""
    if expected is not None and named != expected:
        text = "not checked: the token names another issuer than --issuer, so an API refuses it"
        return Signature(result="wrong_issuer", issuer=expected, text=text)
    if offline:
        return Signature(result="not_checked", text="not checked: nothing was fetched (--offline)")
    if named is None:
        return Signature(result="not_checked", text="not checked: the token names no issuer")
    try:
        keys = _keys(named, fetch)
    except (FetchFailed, ProtocolError) as error:
        return Signature(result="not_checkable", issuer=named, text=f"not checked: {error}")
    whose = "the issuer" if expected else "the issuer that the token itself names"
    candidates = keys.keys_now(jwt.kid, jwt.alg)
    if not candidates:
        text = f"bad: {whose} publishes no {jwt.alg} key of that name"
        return Signature(result="unknown_key", issuer=named, text=text)
    try:
        verify_jwt(jwt, candidates[0])
    except TokenRefused:
        return Signature(result="bad", issuer=named, text=f"bad: not made with a key of {whose}")
    return Signature(result="good", issuer=named, text=f"good: checked with the key of {whose}")


def _keys(issuer: str, fetch: Fetch) -> RemoteKeySet:
    metadata = discover(issuer, fetch)
    if metadata.jwks_uri is None:
        raise KeyRefused("the issuer publishes no keys")
    keys = RemoteKeySet(metadata.jwks_uri, fetch)
    if not keys.refresh().result():
        raise KeyRefused(keys.failure)
    return keys


def _end(report: JwtReport) -> None:
    if report.refused_because:
        raise Failure(Outcome.AUTHENTICATION, f"An API refuses it: {report.refused_because}.")
    if report.signature.result == "not_checkable":
        raise Failure(Outcome.NETWORK, f"The signature is {report.signature.text}")
