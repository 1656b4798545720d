"""The client's own key, with which it signs who it is instead of sending a secret (RFC 7523 §2.2).

It is read anew for each token request, so a new key is in force without a restart.
"""

from collections.abc import Callable
from dataclasses import replace

from tokenbooth.client.credentials import SecretSource, secret_reader
from tokenbooth.client.errors import ConfigurationRefused, SecretUnavailable
from tokenbooth.clock import Clock
from tokenbooth.protocol import strict_json
from tokenbooth.protocol.assertion import make_client_assertion
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import SigningKey, signing_key, signing_key_of_jwk
from tokenbooth.protocol.secret import Secret

KeySource = SecretSource | SigningKey


def key_reader(source: KeySource) -> Callable[[], SigningKey]:
    """Return the function that reads the key; raises ConfigurationRefused.

    `"file:PATH"` and `"env:NAME"` hold a private key, unencrypted, as PEM or JWK.
    """
    if isinstance(source, SigningKey):
        return lambda: source
    try:
        read = secret_reader(source, "private key")
    except ConfigurationRefused as error:
        raise ConfigurationRefused(
            'Say where the private key is: private_key="file:PATH", private_key="env:NAME", '
            "a function, or a SigningKey."
        ) from error
    last: tuple[Secret, SigningKey] | None = None

    def key() -> SigningKey:
        nonlocal last
        text = read()
        if last is None or last[0] != text:  # Reading PEM takes longer than signing.
            last = (text, _parsed(text))
        return last[1]

    return key


def _parsed(text: Secret) -> SigningKey:
    try:
        if text.reveal().lstrip().startswith("{"):
            jwk = strict_json.parse_object(text.reveal().encode("utf-8"))
            key = signing_key_of_jwk(jwk)
            # The name under which the other side knows the key.
            return replace(key, public=replace(key.public, kid=jwk.get("kid", key.kid)))
        return signing_key(text.reveal().encode("utf-8"))
    except (KeyRefused, ValueError) as error:
        why = str(error) if isinstance(error, KeyRefused) else "it is no JSON object"
        raise SecretUnavailable(f"Give the private key as PEM or JWK: {why}.") from None


def signing_reader(
    read_key: Callable[[], SigningKey],
    *,
    client_id: str,
    issuer: str,
    make_id: Callable[[], str],
    clock: Clock,
) -> Callable[[], Secret]:
    """Return the function that makes a new assertion: one for every try (RFC 7523 §3)."""
    return lambda: make_client_assertion(
        read_key(), client_id=client_id, audience=issuer, jti=make_id(), now=clock.now()
    )
