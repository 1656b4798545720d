"""Options for what a client proves itself with, if it is not a secret."""

import functools
from collections.abc import Callable
from pathlib import Path

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import MAX_INPUT, read_stdin
from tokenbooth.cli.trust_options import Trust, trust_options
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.management.clients.certificates import certificate_proofs, subject_proof
from tokenbooth.management.clients.proofs import NewProof
from tokenbooth.management.clients.public_keys import key_place, read_keys
from tokenbooth.management.errors import ManagementError
from tokenbooth.protocol.assertion import ASSERTION_ALGORITHMS
from tokenbooth.protocol.certificate import SUBJECT_KINDS


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
    @click.option(
        "--certificate",
        metavar="FILE|-",
        multiple=True,
        help="Its TLS certificate, self-signed: a PEM file, or a JWKS with x5c.",
    )
    @_subject_options
    @trust_options
    @functools.wraps(command)
    def with_proofs(
        *args: object,
        jwk: tuple[str, ...],
        jwk_alg: str | None,
        jwks_uri: str | None,
        certificate: tuple[str, ...],
        subjects: tuple[tuple[str, str], ...],
        trust: Trust,
        **given: object,
    ) -> object:
        try:
            proofs = [*_keys(jwk, jwk_alg)]
            proofs += trust.proofs(jwks_uri)
            if jwks_uri is not None and trust.issuer is None:
                proofs.append(key_place(jwks_uri))
            proofs += [proof for place in certificate for proof in _certificates(place)]
            proofs += [subject_proof(kind, text) for kind, text in subjects]
        except ManagementError as error:
            raise Failure(Outcome.USAGE, str(error)) from error
        return command(*args, proofs=tuple(proofs), **given)

    return with_proofs


def _subject_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options for names in certificates, and as `subjects` what they say."""

    @click.option(
        "--subject-dn",
        metavar="DN",
        multiple=True,
        help="The subject of its TLS certificates (RFC 4514), issued by an authority of "
        "`serve --tls-client-ca`.",
    )
    @click.option("--san-dns", metavar="HOST", multiple=True, help="A DNS name in them instead.")
    @click.option("--san-uri", metavar="URI", multiple=True, help="A URI in them instead.")
    @click.option("--san-ip", metavar="IP", multiple=True, help="An IP address in them instead.")
    @click.option("--san-email", metavar="MAIL", multiple=True, help="An e-mail address instead.")
    @functools.wraps(command)
    def with_subjects(
        *args: object,
        subject_dn: tuple[str, ...],
        san_dns: tuple[str, ...],
        san_uri: tuple[str, ...],
        san_ip: tuple[str, ...],
        san_email: tuple[str, ...],
        **given: object,
    ) -> object:
        texts = (subject_dn, san_dns, san_uri, san_ip, san_email)
        subjects = tuple(
            (kind, text) for kind, each in zip(SUBJECT_KINDS, texts, strict=True) for text in each
        )
        return command(*args, subjects=subjects, **given)

    return with_subjects


def _certificates(place: str) -> tuple[NewProof, ...]:
    text = _text(place)
    if "PRIVATE KEY-----" in text:
        click.echo(
            f"tokenbooth: {place} holds a private key too, which is left out; "
            "hand over certificates alone: who has the private key is the client.",
            err=True,
        )
    return certificate_proofs(text, now=SYSTEM_CLOCK.now())


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
        return read_stdin("public key or certificate")
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
