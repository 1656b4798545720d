"""Get one token with the client's own token source, and say by the exit code why not."""

import logging
from dataclasses import dataclass, field
from typing import TypedDict

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.last_answer import LastAnswer
from tokenbooth.cli.options import read_stdin
from tokenbooth.cli.output import write_json
from tokenbooth.client.credentials import secret_reader
from tokenbooth.client.errors import (
    ClientError,
    ConfigurationRefused,
    SecretUnavailable,
    TokenUnavailable,
)
from tokenbooth.client.source import TokenSource
from tokenbooth.client.token import Token
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.protocol.dialects import Dialect, DialectRefused
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_answer import TokenAnswer, read_token_answer
from tokenbooth.remote.dialect_file import find_dialect
from tokenbooth.remote.fetch import HttpFetch, Response, default_tls

# By the OAuth error code, or the token source's own word where no answer came.
_BY_WORD = {
    "invalid_client": Outcome.AUTHENTICATION,
    "unauthorized_client": Outcome.NOT_ALLOWED,
    "access_denied": Outcome.NOT_ALLOWED,
    "invalid_scope": Outcome.NOT_ALLOWED,
    "invalid_target": Outcome.NOT_ALLOWED,
    "slow_down": Outcome.RATE_LIMITED,
    "temporarily_unavailable": Outcome.SERVER_ERROR,
    "server_error": Outcome.SERVER_ERROR,
    "unreadable": Outcome.SERVER_ERROR,
    "unreachable": Outcome.NETWORK,
    "timeout": Outcome.NETWORK,
    "tls": Outcome.NETWORK,
    "too_large": Outcome.NETWORK,
    "compressed": Outcome.NETWORK,
    "garbled": Outcome.NETWORK,
}
_BY_STATUS = {
    401: Outcome.AUTHENTICATION,
    403: Outcome.NOT_ALLOWED,
    404: Outcome.NOT_FOUND,
    408: Outcome.NETWORK,
    429: Outcome.RATE_LIMITED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asks for; what may be a secret that was typed is not shown."""

    issuer: str | None
    token_url: str | None
    client_id: str
    secret: str | None = field(repr=False)
    private_key: str | None = field(repr=False)
    assertion: str | None = field(repr=False)
    certificate: str | None
    certificate_key: str | None
    scope: str | None
    resource: str | None
    dialect: str
    auth_method: str | None
    allow_plain_http: bool


def get_token(order: Order, *, as_json: bool) -> None:
    """Write the token to stdout; raises Failure."""
    if order.issuer is None and order.token_url is None:
        raise Failure(
            Outcome.USAGE, "Give --issuer URL, or --token-url URL if the issuer has no metadata."
        )
    dialect = dialect_named(order.dialect)
    proof = _proof(order)
    tls = default_tls()
    fetch = HttpFetch(allow_plain_http_for_development=order.allow_plain_http, tls=tls)
    recording = LastAnswer(fetch)
    # The token source also logs why there is no token; here the error says it.
    logging.getLogger("tokenbooth.client").addHandler(logging.NullHandler())
    try:
        with TokenSource(
            client_id=order.client_id,
            issuer=order.issuer,
            token_url=order.token_url,
            scope=order.scope,
            resource=order.resource,
            dialect=dialect,
            auth_method=order.auth_method,
            allow_plain_http_for_development=order.allow_plain_http,
            tls=tls,
            fetch=recording,
            **proof,
        ) as source:
            token = source.token()
    except ClientError as error:
        raise Failure(outcome_of(error), str(error) + recording.named()) from error
    finally:
        fetch.close()
    if as_json:
        write_json(_whole(token, recording.response, dialect))
    else:
        click.echo(token.access_token)
    _say_if_less(order.scope, token.scope)


def outcome_of(error: ClientError) -> Outcome:
    """Return how the command ends after this error: the code tells most, then the status."""
    if isinstance(error, ConfigurationRefused | SecretUnavailable):
        return Outcome.USAGE
    if not isinstance(error, TokenUnavailable):
        return Outcome.FAILED
    if error.status is not None and error.status >= 500:
        return Outcome.SERVER_ERROR
    for word in (error.code, error.reason):
        if word in _BY_WORD:
            return _BY_WORD[word]
    return _BY_STATUS.get(error.status or 0, Outcome.FAILED)


class _Proof(TypedDict, total=False):
    """The arguments by which a token source is to prove itself."""

    secret: Secret
    private_key: Secret
    assertion: Secret
    certificate: str | tuple[str, str]


def _proof(order: Order) -> _Proof:
    places = (order.secret, order.private_key, order.assertion)
    given = sum(place is not None for place in places)
    if given > 1 or (given == 0 and order.certificate is None):
        raise Failure(
            Outcome.USAGE, "Give one of --secret, --private-key, --assertion and --certificate."
        )
    proof: _Proof = {}
    if order.certificate is not None:
        proof["certificate"] = order.certificate
        if order.certificate_key is not None:
            proof["certificate"] = (order.certificate, order.certificate_key)
    elif order.certificate_key is not None:
        raise Failure(Outcome.USAGE, "--certificate-key goes with --certificate.")
    if order.private_key is not None:
        proof["private_key"] = _read(order.private_key, "private key", "--private-key")
    if order.assertion is not None:
        proof["assertion"] = _read(order.assertion, "assertion", "--assertion")
    if order.secret is not None:
        proof["secret"] = _read(order.secret, "client secret", "--secret")
    return proof


def _read(place: str, what: str, option: str) -> Secret:
    if place == "-":
        # A key has many lines: only what is one line can be asked for without showing it.
        return Secret(read_stdin(what, is_hidden=what != "private key"))
    refuse_typed_secret(place, what, option)
    # Read before anything goes out: a missing variable is found without a network.
    try:
        return secret_reader(place, what)()
    except (ConfigurationRefused, SecretUnavailable) as error:
        raise Failure(Outcome.USAGE, str(error)) from error


def refuse_typed_secret(place: str, what: str, option: str) -> None:
    """Refuse what is no place of a secret, for it may be the secret; raises Failure."""
    if place != "-" and not place.startswith(("env:", "file:")):
        # The typed text may be a live secret: it is not repeated.
        raise Failure(
            Outcome.USAGE,
            f"Say where the {what} is, not what it is: {option} env:NAME, {option} file:PATH, or "
            f"{option} - to read it from stdin. A secret on the command line can be read in the "
            "list of processes and in the shell's history; if that was one, rotate it.",
        )


def dialect_named(name: str) -> Dialect:
    """Return a dialect by its name or file; raises Failure."""
    try:
        return find_dialect(name)
    except DialectRefused as error:
        raise Failure(Outcome.USAGE, str(error)) from error


def _whole(token: Token, response: Response | None, dialect: Dialect) -> dict[str, object]:
    whole: dict[str, object] = {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": round(token.expires_at - SYSTEM_CLOCK.now()),
        "expires_at": round(token.expires_at),
        "scope": str(token.scope),
    }
    if response is not None:
        answer = read_token_answer(status=response.status, body=response.body, dialect=dialect)
        if isinstance(answer, TokenAnswer) and answer.refresh_token is not None:
            whole["refresh_token"] = answer.refresh_token.reveal()
            whole["refresh_expires_in"] = answer.refresh_expires_in
    return whole


def _say_if_less(asked: str | None, granted: Scope) -> None:
    missing = [name for name in (asked or "").split() if name not in granted.names]
    if missing:
        click.echo(f"tokenbooth: the token lacks a part of the scope: {missing[0]}", err=True)
