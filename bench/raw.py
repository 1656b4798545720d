"""Bare cryptography: what the machine can do when nothing else is done."""

import os
import time
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.cores import SERVER, on

_INPUT = os.urandom(480)  # as long as the signing input of an access token
_SHA256 = hashes.SHA256()
_BATCH = 50


def raw_operations() -> dict[str, Callable[[], object]]:
    """Return the bare operation behind each kind of token."""
    es256 = ec.generate_private_key(ec.SECP256R1())
    eddsa = ed25519.Ed25519PrivateKey.generate()
    rs256 = rsa.generate_private_key(65537, 2048)
    scheme, padding, pss = ec.ECDSA(_SHA256), PKCS1v15(), PSS(MGF1(_SHA256), PSS.DIGEST_LENGTH)
    seal, nonce = AESGCM(os.urandom(32)).encrypt, os.urandom(12)
    return {
        "ES256": lambda: es256.sign(_INPUT, scheme),
        "EdDSA": lambda: eddsa.sign(_INPUT),
        "RS256": lambda: rs256.sign(_INPUT, padding, _SHA256),
        "PS256": lambda: rs256.sign(_INPUT, pss, _SHA256),
        "opaque": lambda: seal(nonce, _INPUT, b""),
    }


def microseconds(operation: Callable[[], object], seconds: float) -> float:
    """Return the CPU time of one operation, measured where the servers run."""
    with on(SERVER):
        done, begun = 0, time.thread_time()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for _ in range(_BATCH):
                operation()
            done += _BATCH
        return (time.thread_time() - begun) / done * 1e6
