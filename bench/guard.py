"""The guard: a token seen before, and a new one beside the bare signature check."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from bench.table import Table, number
from tokenbooth.guard import Guard
from tokenbooth.protocol.access_token import TYP
from tokenbooth.protocol.jwt import sign_jwt
from tokenbooth.protocol.keys import SigningKey, generate_key
from tokenbooth.remote.fetch import Request, Response

ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"
_TOKENS, _ROUNDS = 400, 9
_DATA = b"x" * 480  # as long as the signing input of an access token


class _Publisher:
    """An issuer that answers from memory: what it publishes is fetched once."""

    def __init__(self, key: SigningKey) -> None:
        metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", "token_endpoint": f"{ISSUER}/t"}
        self._metadata = msgspec.json.encode(metadata)
        self._keys = msgspec.json.encode({"keys": [key.public.to_jwk()]})

    def __call__(self, request: Request) -> Response:
        body = self._keys if request.url.endswith("/jwks") else self._metadata
        return Response(status=200, headers={"content-type": "application/json"}, body=body)


def measure(_folder: Path) -> Table:
    """Measure both kinds of signature."""
    table = Table(
        title="Guard (goal: seen ≤ 5 µs, new ≤ 1.3 × the bare check)",
        columns=("what", "seen µs", "seen, async µs", "new µs", "bare check µs", "new / bare"),
    )
    for alg, bare in (("ES256", _bare_es256()), ("EdDSA", _bare_eddsa())):
        key = generate_key(alg)
        rounds = [_round(key, bare) for _ in range(_ROUNDS)]
        seen, seen_async, new, check = (
            statistics.median(each) for each in zip(*rounds, strict=True)
        )
        ratio = statistics.median(new / check for _, _, new, check in rounds)
        table.add(alg, *map(number, (seen, seen_async, new, check)), f"{ratio:.2f}")
    return table


def _round(key: SigningKey, bare: Callable[[], object]) -> tuple[float, float, float, float]:
    guard = Guard(ISSUER, AUDIENCE, fetch=_Publisher(key))
    requests = [_headers(key, n) for n in range(_TOKENS)]
    guard.verify_sync(_headers(key, -1))  # fetches the keys
    new = _timed(lambda: [guard.verify_sync(headers) for headers in requests])
    check = _timed(lambda: [bare() for _ in requests])
    seen = _timed(lambda: [guard.verify_sync(headers) for headers in requests])
    return seen, asyncio.run(_seen_async(guard, requests)), new, check


async def _seen_async(guard: Guard, requests: list[dict[str, str]]) -> float:
    begun = time.thread_time()
    for headers in requests:
        await guard.verify(headers)
    return (time.thread_time() - begun) / len(requests) * 1e6


def _timed(calls: Callable[[], object]) -> float:
    begun = time.thread_time()
    calls()
    return (time.thread_time() - begun) / _TOKENS * 1e6


def _headers(key: SigningKey, n: int) -> dict[str, str]:
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "bench-client",
        "client_id": "bench-client",
        "scope": "persons:read persons:write",
        "iat": now,
        "exp": now + 3600,
        "jti": f"token-{n}",
    }
    return {"authorization": f"Bearer {sign_jwt(claims, key, typ=TYP)}"}


def _bare_es256() -> Callable[[], object]:
    private, scheme = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    signature, verify = private.sign(_DATA, scheme), private.public_key().verify
    return lambda: verify(signature, _DATA, scheme)


def _bare_eddsa() -> Callable[[], object]:
    private = ed25519.Ed25519PrivateKey.generate()
    signature, verify = private.sign(_DATA), private.public_key().verify
    return lambda: verify(signature, _DATA)
