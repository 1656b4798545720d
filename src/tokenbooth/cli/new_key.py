"""Make a key pair for a client: who has the private half is the client."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.output import Output, write_json
from tokenbooth.protocol.keys import generate_key


def write_new_key(path: str, *, alg: str, out: Output) -> None:
    """Write the private key for its owner's eyes, the public JWK to stdout; raises Failure."""
    key = generate_key(alg)
    private = serialization.load_der_private_key(key.to_pkcs8(), password=None)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        # Never over a key that is there, and never for a moment readable by others.
        handle = os.open(Path(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
    except FileExistsError as error:
        raise Failure(Outcome.CONFLICT, f"There is a file {path} already.") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "there can be no such file"
        raise Failure(Outcome.FAILED, f"Cannot write {path}: {why}.") from error
    write_json(key.public.to_jwk())
    out.talk(f"Keep {path} to the client alone, and hand this public JWK to the operator.")
