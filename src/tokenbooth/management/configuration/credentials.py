"""Turn the credentials of a file into what is stored of them: reads what they refer to."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

import msgspec
from msgspec import UNSET

from tokenbooth.management.clients.certificates import certificate_proofs, subject_proof
from tokenbooth.management.clients.federation import trusted_issuer, trusted_spiffe_id
from tokenbooth.management.clients.proofs import SECRET_METHODS, NewProof
from tokenbooth.management.clients.public_keys import key_place, read_keys
from tokenbooth.management.configuration.document import CREDENTIAL_KINDS, CredentialEntry
from tokenbooth.management.configuration.reading import MAX_BYTES, Place
from tokenbooth.management.configuration.wanted import WantedCredential
from tokenbooth.management.errors import BadInput
from tokenbooth.management.names import check_text
from tokenbooth.protocol.certificate import SUBJECT_KINDS
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.secret_form import what_is_wrong
from tokenbooth.remote.secret_source import SecretUnavailable, secret_reader
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.new_clients import HINT_LENGTH

SHORTEST_SECRET = 32
LONGEST_SECRET = 1024
_LEAST_VARIETY = 10  # different characters: what is typed or repeated has fewer

_FILE = "file:"
_LONG_AGO = float("-inf")


def wanted_credentials(
    booth: Booth, entry: CredentialEntry, place: Place
) -> tuple[WantedCredential, ...]:
    """Return what the entry stands for; a key set is several. Raises BadInput."""
    said = [kind for kind in CREDENTIAL_KINDS if getattr(entry, kind) is not UNSET]
    if len(said) != 1:
        raise BadInput(f"Say one of these for each credential: {', '.join(CREDENTIAL_KINDS)}.")
    if entry.label is not UNSET:
        check_text("label", entry.label)
    if entry.alg is not None and entry.jwk is UNSET:
        raise BadInput("An alg is said of a jwk alone.")
    if entry.secret is not UNSET:
        found = [_secret(booth, _resolved(entry.secret, place.source.folder))]
    else:
        found = _proofs(entry, said[0], place, booth.clock.now())
    return tuple(_as_said(each, entry, place) for each in found)


def check_foreign_secret(secret: Secret, *, shortest: int = SHORTEST_SECRET) -> None:
    """Refuse a secret that was not made here and may be guessed; raises BadInput."""
    text = secret.reveal()
    if wrong := what_is_wrong(secret):
        raise BadInput(wrong)
    if not shortest <= len(text) <= LONGEST_SECRET or len(set(text)) < _LEAST_VARIETY:
        raise BadInput(
            f"This secret may be guessed: use {shortest} to {LONGEST_SECRET} random "
            "characters, as from: openssl rand -hex 32"
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise BadInput("A secret has printable ASCII characters alone, and no spaces.")


def secret_credential(booth: Booth, secret: Secret) -> WantedCredential:
    """Return the credential of a secret that somebody else made."""
    text = secret.reveal()
    return WantedCredential(
        kind="secret",
        data=booth.secrets.digest(secret),
        hint=text[-HINT_LENGTH:] if len(text) >= SHORTEST_SECRET else "",
        methods=SECRET_METHODS,
    )


def _secret(booth: Booth, reference: str) -> WantedCredential:
    try:
        secret = secret_reader(reference)()
    except SecretUnavailable as error:
        raise BadInput(str(error)) from error
    except ValueError as error:
        # Not quoted: it may be the secret itself.
        raise BadInput(
            'Never write a secret into the file. Say where it is: "env:NAME" or "file:PATH".'
        ) from error
    check_foreign_secret(secret)
    return secret_credential(booth, secret)


def _proofs(entry: CredentialEntry, kind: str, place: Place, now: float) -> list[WantedCredential]:
    folder = place.source.folder
    if entry.jwk is not UNSET:
        keys = read_keys(_text(entry.jwk, folder), alg=entry.alg)
        if keys.had_private_part:
            raise BadInput("This is a private key. Give its public part alone.")
        return [_of_proof(proof) for proof in keys.proofs]
    if entry.jwks_uri is not UNSET:
        return [_of_proof(key_place(entry.jwks_uri))]
    if entry.certificate is not UNSET:
        text = _text(entry.certificate, folder)
        refusal = _refusal(lambda: certificate_proofs(text, now=now))
        # One that has expired may well be there already.
        proofs = certificate_proofs(text, now=_LONG_AGO)
        return [_of_proof(proof, refusal=refusal) for proof in proofs]
    if entry.trust is not UNSET:
        trust = entry.trust
        return [
            _of_proof(
                trusted_issuer(
                    trust.issuer,
                    rules=trust.rules,
                    jwks_uri=trust.jwks_uri,
                    copied_claims=trust.copied_claims,
                    single_use=trust.single_use,
                )
            )
        ]
    if entry.spiffe is not UNSET:
        spiffe = entry.spiffe
        return [
            _of_proof(
                trusted_spiffe_id(
                    spiffe.id,
                    trust_domain=spiffe.trust_domain,
                    bundle_endpoint=spiffe.bundle_endpoint,
                    rules=spiffe.rules,
                    copied_claims=spiffe.copied_claims,
                    single_use=spiffe.single_use,
                )
            )
        ]
    assert kind in SUBJECT_KINDS  # noqa: S101 - the last of CREDENTIAL_KINDS
    return [_of_proof(subject_proof(kind, getattr(entry, kind)))]


def _of_proof(proof: NewProof, *, refusal: str | None = None) -> WantedCredential:
    return WantedCredential(
        kind=proof.kind,
        data=proof.data,
        hint=proof.hint,
        methods=(proof.method,),
        grants=proof.grants,
        refusal=refusal,
    )


def _as_said(found: WantedCredential, entry: CredentialEntry, place: Place) -> WantedCredential:
    if entry.expires_at is not UNSET and entry.expires_at.tzinfo is None:
        raise BadInput("Say the time zone of expires_at: 2030-01-01T00:00:00Z.")
    return replace(
        found,
        label=None if entry.label is UNSET else entry.label,
        expires_at=None if entry.expires_at is UNSET else entry.expires_at.timestamp(),
        is_expiry_said=entry.expires_at is not UNSET,
        place=place,
    )


def _refusal(make: Callable[[], Sequence[NewProof]]) -> str | None:
    try:
        make()
    except BadInput as error:
        return str(error)
    return None


def _resolved(reference: str, folder: FilePath) -> str:
    """Have the path of a reference start where the file lies."""
    if not reference.startswith(_FILE):
        return reference
    try:
        return f"{_FILE}{folder / FilePath(reference.removeprefix(_FILE)).expanduser()}"
    except RuntimeError as error:
        raise BadInput("There is no such home folder.") from error


def _text(said: dict[str, object] | str, folder: FilePath) -> str:
    if isinstance(said, dict):
        try:
            return msgspec.json.encode(said).decode()
        except (TypeError, ValueError) as error:
            raise BadInput("A JWK has nothing but texts, lists and tables.") from error
    if not said.startswith(_FILE):
        return said
    name = _resolved(said, folder).removeprefix(_FILE)
    try:
        with FilePath(name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return data.decode()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise BadInput(f"Make the file {name!r} readable: {why}.") from error
