"""An issuer as small as the guard needs one: real keys, on a real port, and it can fall silent."""

import json
from collections.abc import Mapping
from typing import Any

from tests.remote.local_server import LocalServer, Reply, Seen, as_json
from tokenbooth.clock import TravelClock
from tokenbooth.protocol.jwt import sign_jwt
from tokenbooth.protocol.keys import SigningKey, generate_key

AUDIENCE = "https://orders.example.com"
METADATA = "/.well-known/oauth-authorization-server"


class TinyIssuer:
    def __init__(self, server: LocalServer, clock: TravelClock) -> None:
        self.server = server
        self.url = server.url
        self.clock = clock
        self.key = generate_key("ES256")
        self.published: list[SigningKey] = [self.key]
        self.opaque: dict[str, Mapping[str, Any]] = {}
        self.token_answer: Reply | None = None
        self.metadata: dict[str, Any] = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint": f"{self.url}/token",
            "introspection_endpoint": f"{self.url}/introspect",
        }
        self.come_back()

    def come_back(self) -> None:
        self.server.on(METADATA, lambda _: as_json(self.metadata))
        self.server.on("/jwks", self._jwks)
        self.server.on("/introspect", self._introspect)
        self.server.on("/token", self._token)

    def fall_silent(self) -> None:
        for path in self.server.answers:
            self.server.on(path, Reply(status=503))

    def calls(self, path: str) -> int:
        return len(self.server.seen_at(path))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.now())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": "shop",
            "client_id": "shop",
            "aud": AUDIENCE,
            "scope": "orders:read orders:write",
            "iat": now,
            "exp": now + 3600,
            "jti": "a-1",
        }
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key: SigningKey | None = None, typ: str = "at+jwt", **changes: Any) -> str:
        return sign_jwt(self.claims(**changes), key or self.key, typ=typ)

    def opaque_token(self, name: str = "tbo_opaque", **changes: Any) -> str:
        self.opaque[name] = {"active": True, "token_type": "Bearer", **self.claims(**changes)}
        return name

    def _jwks(self, _: Seen) -> Reply:
        return as_json({"keys": [key.public.to_jwk() for key in self.published]})

    def _introspect(self, seen: Seen) -> Reply:
        if "authorization" not in seen.headers:
            return as_json({"error": "invalid_client"}, status=401)
        return as_json(self.opaque.get(seen.form["token"][0], {"active": False}))

    def _token(self, _: Seen) -> Reply:
        return self.token_answer or as_json({"error": "invalid_client"}, status=401)

    def grant(self, token: str, **members: Any) -> None:
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, **members}
        self.token_answer = Reply(body=json.dumps(answer).encode())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
