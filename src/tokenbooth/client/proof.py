"""How a token source proves who it is: exactly one way, chosen once."""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass

from tokenbooth.client.credentials import SecretSource, secret_reader
from tokenbooth.client.errors import ConfigurationRefused
from tokenbooth.client.exchange import ASSERTION, CERTIFICATE
from tokenbooth.client.private_key import KeySource, key_reader, signing_reader
from tokenbooth.clock import Clock
from tokenbooth.protocol.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """What to send as, None where the server or dialect decides; and what to send, read anew."""

    method: str | None
    read: Callable[[], Secret]


def proof_of(
    *,
    secret: SecretSource | None,
    private_key: KeySource | None,
    assertion: SecretSource | None,
    has_certificate: bool = False,
    client_id: str,
    issuer: str | None,
    auth_method: str | None,
    clock: Clock,
) -> Proving:
    """Return the one way that was chosen; raises ConfigurationRefused for none and for two.

    Beside another way a certificate only binds the tokens.
    """
    given = sum(each is not None for each in (secret, private_key, assertion))
    if given == 0 and has_certificate and auth_method is None:
        return Proving(method=CERTIFICATE, read=lambda: Secret(""))
    if given != 1:
        raise ConfigurationRefused("Give one of secret, private_key, assertion and certificate.")
    if secret is not None:
        return Proving(method=auth_method, read=secret_reader(secret))
    if auth_method is not None:
        raise ConfigurationRefused("Leave auth_method out: it is about secrets.")
    if assertion is not None:
        return Proving(method=ASSERTION, read=secret_reader(assertion, "assertion"))
    read_key = key_reader(private_key) if private_key is not None else None
    if read_key is None or issuer is None:
        # The URL would do for some servers, and then another one could pass our assertion on.
        raise ConfigurationRefused(
            "Give the issuer too: what the private key signs is addressed to it."
        )
    read = signing_reader(
        read_key, client_id=client_id, issuer=issuer, make_id=_new_id, clock=clock
    )
    return Proving(method=ASSERTION, read=read)


def _new_id() -> str:
    return base64.urlsafe_b64encode(os.urandom(18)).decode("ascii")
