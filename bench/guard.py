"""The guard: a token seen before, and a new one beside the bare signature check."""

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jwt as pyjwt
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15

from bench.booths import AUDIENCE, CLIENT_ID, prepare, serving
from bench.load import ask_all, post
from bench.progress import Progress
from bench.rounds import Pace
from bench.table import Table
from tokenbooth.guard import Guard
from tokenbooth.protocol.access_token import TYP
from tokenbooth.protocol.jwt import sign_jwt
from tokenbooth.protocol.keys import SigningKey, generate_key
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.fetch import Request, Response

ISSUER = "https://auth.example.com"
_TOKENS = 400
_DATA = os.urandom(480)  # as long as the signing input of an access token
_SHA256 = hashes.SHA256()
Headers = dict[str, str]


class _Publisher:
    """An issuer that answers from memory: what it publishes is fetched once."""

    def __init__(self, key: SigningKey) -> None:
        metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", "token_endpoint": f"{ISSUER}/t"}
        self._metadata = msgspec.json.encode(metadata)
        self._keys = msgspec.json.encode({"keys": [key.public.to_jwk()]})

    def __call__(self, request: Request) -> Response:
        body = self._keys if request.url.endswith("/jwks") else self._metadata
        return Response(status=200, headers={"content-type": "application/json"}, body=body)


def run(folder: Path, pace: Pace, progress: Progress) -> Table:
    """Measure every kind of signature, and opaque tokens against a real service."""
    table = Table(
        title="Guard",
        columns=(
            *("what", "seen µs", "seen, async µs", "new µs", "bare check µs", "new / bare"),
            "PyJWT µs",
        ),
        note="CPU for one check: medians. PyJWT checks signature, issuer, audience and times "
        "with the key at hand, and remembers nothing. "
        "A new opaque token costs a request to the service.",
    )
    checks = _bare_checks()
    rounds = max(3, pace.rounds)
    with progress.task("", rounds * len(checks) + 1) as step:
        for alg, bare in checks.items():
            key = generate_key(alg)
            shown = []
            for _ in range(rounds):
                step(alg)
                shown.append(_round(key, bare))
            seen, seen_async, new, check, peer = map(statistics.median, zip(*shown, strict=True))
            ratio = statistics.median(new / check for _, _, new, check, _ in shown)
            table.add(alg, seen, seen_async, new, check, ratio, peer)
        step("opaque")
        table.add("opaque, introspected", *_introspected(folder))
    return table


def _round(key: SigningKey, bare: Callable[[], object]) -> tuple[float, float, float, float, float]:
    guard = Guard(ISSUER, AUDIENCE, fetch=_Publisher(key))
    tokens = [_token(key, n) for n in range(_TOKENS)]
    requests = [_headers(token) for token in tokens]
    guard.verify_sync(_headers(_token(key, -1)))  # fetches the keys
    new = _timed(lambda: [guard.verify_sync(headers) for headers in requests])
    check = _timed(lambda: [bare() for _ in requests])
    seen = _timed(lambda: [guard.verify_sync(headers) for headers in requests])
    public = pyjwt.PyJWK(key.public.to_jwk())
    decode = partial(pyjwt.decode, key=public, algorithms=[key.alg], issuer=ISSUER)
    peer = _timed(lambda: [decode(token, audience=AUDIENCE) for token in tokens])
    return seen, asyncio.run(_seen_async(guard, requests)), new, check, peer


def _introspected(folder: Path) -> tuple[float, float, float]:
    prepared = prepare(folder / "guard.db")
    with serving(prepared, folder / "guard.log") as server:
        request = post("/opaque/oauth2/token", prepared.form("opaque"), port=server.port)
        answers = ask_all(server.port, [request] * 20)
        requests = [_headers(msgspec.json.decode(each)["access_token"]) for each in answers]
        guard = Guard(
            f"http://127.0.0.1:{server.port}/opaque",
            AUDIENCE,
            client_id=CLIENT_ID,
            secret=Secret(prepared.secrets["opaque"]),
        )
        guard.verify_sync(requests.pop())  # fetches the metadata
        new = _timed(lambda: [guard.verify_sync(headers) for headers in requests], len(requests))
        again = requests * 20
        seen = _timed(lambda: [guard.verify_sync(headers) for headers in again], len(again))
        return seen, asyncio.run(_seen_async(guard, again)), new


async def _seen_async(guard: Guard, requests: list[Headers]) -> float:
    begun = time.thread_time()
    for headers in requests:
        await guard.verify(headers)
    return (time.thread_time() - begun) / len(requests) * 1e6


def _timed(calls: Callable[[], object], count: int = _TOKENS) -> float:
    begun = time.thread_time()
    calls()
    return (time.thread_time() - begun) / count * 1e6


def _headers(token: str) -> Headers:
    return {"authorization": f"Bearer {token}"}


def _token(key: SigningKey, n: int) -> str:
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": CLIENT_ID,
        "client_id": CLIENT_ID,
        "scope": "persons:read persons:write",
        "iat": now,
        "exp": now + 3600,
        "jti": f"token-{n}",
    }
    return sign_jwt(claims, key, typ=TYP)


def _bare_checks() -> dict[str, Callable[[], object]]:
    return {
        "ES256": _bare_es256(),
        "EdDSA": _bare_eddsa(),
        "RS256": _bare_rsa(PKCS1v15()),
        "PS256": _bare_rsa(PSS(MGF1(_SHA256), PSS.DIGEST_LENGTH)),
    }


def _bare_es256() -> Callable[[], object]:
    private, scheme = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(_SHA256)
    return partial(private.public_key().verify, private.sign(_DATA, scheme), _DATA, scheme)


def _bare_eddsa() -> Callable[[], object]:
    private = ed25519.Ed25519PrivateKey.generate()
    return partial(private.public_key().verify, private.sign(_DATA), _DATA)


def _bare_rsa(padding: AsymmetricPadding) -> Callable[[], object]:
    private = rsa.generate_private_key(65537, 2048)
    signature = private.sign(_DATA, padding, _SHA256)
    return partial(private.public_key().verify, signature, _DATA, padding, _SHA256)
