"""Options for what a client proves itself with, if it is not a secret."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import MAX_INPUT, read_stdin
from tokenbooth.management.errors import ManagementError
from tokenbooth.management.proofs import NewProof
from tokenbooth.management.public_keys import key_place, read_keys
from tokenbooth.protocol.assertion import ASSERTION_ALGORITHMS


def proof_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options, and as `proofs` what they say."""

    @click.option(
        "--jwk",
        metavar="FILE|-",
        multiple=True,
        help="Its public key instead of a secret: a JWK, JWKS or PEM file.",
    )
    @click.option(
        "--jwk-alg",
        metavar="ALG",
        type=click.Choice(ASSERTION_ALGORITHMS),
        help="What that key signs with.  [default: as the JWK says; RS256 for RSA]",
    )
    @click.option("--jwks-uri", metavar="URL", help="Where it publishes its public keys.")
    @functools.wraps(command)
    def with_proofs(
        *args: object,
        jwk: tuple[str, ...],
        jwk_alg: str | None,
        jwks_uri: str | None,
        **given: object,
    ) -> object:
        try:
            proofs = [*_keys(jwk, jwk_alg)]
            if jwks_uri is not None:
                proofs.append(key_place(jwks_uri))
        except ManagementError as error:
            raise Failure(Outcome.USAGE, str(error)) from error
        return command(*args, proofs=tuple(proofs), **given)

    return with_proofs


def _keys(places: tuple[str, ...], alg: str | None) -> list[NewProof]:
    if alg is not None and not places:
        raise Failure(Outcome.USAGE, "--jwk-alg goes with --jwk.")
    proofs: list[NewProof] = []
    for place in places:
        given = read_keys(_text(place), alg=alg)
        if given.had_private_part:
            click.echo(
                f"tokenbooth: {place} holds a private key. Only its public part is kept; "
                "hand over public keys alone: who has the private one is the client.",
                err=True,
            )
        proofs += given.proofs
    return proofs


def _text(place: str) -> str:
    if place == "-":
        return read_stdin("public key")
    try:
        with Path(place).open("rb") as file:
            data = file.read(MAX_INPUT + 1)
    except OSError as error:
        raise Failure(Outcome.USAGE, f"Cannot read {place}: {error.strerror}.") from error
    if len(data) > MAX_INPUT:
        raise Failure(Outcome.USAGE, f"{place} is longer than {MAX_INPUT} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Failure(Outcome.USAGE, f"{place} is not text: give a JWK, JWKS or PEM.") from error
