"""An OpenID provider in a thread: what a test says of its user is what it signs."""

import base64
import hashlib
import json
import secrets
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from tokenbooth.protocol.jwt import sign_jwt
from tokenbooth.protocol.keys import generate_key

CLIENT_ID = "tokenbooth"
CLIENT_SECRET = "provider's secret: with a colon"


class OpenIdProvider:
    """Answers as OpenID Connect Core says, apart from `claims`, `metadata` and `status`."""

    def __init__(self, clock):
        self.clock = clock
        self.key = generate_key("ES256")
        self.published = [self.key.public.to_jwk()]
        self.user = {"sub": "u-1", "email": "ann@example.com", "email_verified": True}
        self.claims = {}  # replaces claims of the token; None leaves one out
        self.metadata = {}
        self.status = 200
        self.typ = "JWT"
        self.answer = None  # instead of a token
        self.codes = {}
        self.requests = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.get(self)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                provider.token(self, {k: v[0] for k, v in parse_qs(body).items()})

            def log_message(self, format, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"

    def get(self, handler):
        parts = urlsplit(handler.path)
        asked = {k: v[0] for k, v in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self.send(handler, 200, self.described())
        elif parts.path == "/keys":
            self.send(handler, 200, {"keys": self.published})
        elif parts.path == "/authorize":
            self.requests.append(asked)
            code = secrets.token_urlsafe(16)
            self.codes[code] = (asked, dict(self.user))
            back = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
            handler.send_response(302)
            handler.send_header("location", f"{asked['redirect_uri']}?{back}")
            handler.end_headers()
        else:
            handler.send_error(404)

    def described(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.metadata,
        }

    def token(self, handler, sent):
        if self.status != 200:
            self.send(handler, self.status, {"error": "said_so"})
            return
        if self.client_of(handler, sent) != (CLIENT_ID, CLIENT_SECRET):
            self.send(handler, 401, {"error": "invalid_client"})
            return
        asked, user = self.codes.pop(sent.get("code"), (None, None))
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        ).rstrip(b"=")
        if (
            asked is None
            or asked["redirect_uri"] != sent["redirect_uri"]
            or asked["code_challenge"].encode() != challenge
            or sent["grant_type"] != "authorization_code"
        ):
            self.send(handler, 400, {"error": "invalid_grant"})
            return
        answer = {"id_token": self.id_token(asked, user), "token_type": "Bearer"}
        self.send(handler, 200, answer if self.answer is None else self.answer)

    def client_of(self, handler, sent):
        header = handler.headers.get("authorization")
        if header is None:
            return sent.get("client_id"), sent.get("client_secret")
        pair = base64.b64decode(header.removeprefix("Basic ")).decode()
        client_id, _, secret = pair.partition(":")
        return unquote(client_id), unquote(secret.replace("+", " "))

    def id_token(self, asked, user):
        now = int(self.clock.now())
        claims = {
            "iss": self.issuer,
            "aud": asked["client_id"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **({"auth_time": now} if "max_age" in asked else {}),
            **user,
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return sign_jwt(kept, self.key, typ=self.typ)

    @staticmethod
    def send(handler, status, document):
        body = json.dumps(document).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *given):
        return None


def returned(address: str) -> dict[str, str]:
    """Go where a browser is sent, sign in there, and return the query it comes back with."""
    opener = build_opener(_NoRedirects())
    try:
        opener.open(address)
    except OSError as redirect:
        query = urlsplit(redirect.headers["location"]).query
        return {name: values[0] for name, values in parse_qs(query).items()}
    message = "the provider did not redirect"
    raise AssertionError(message)


@contextmanager
def running(clock):
    provider = OpenIdProvider(clock)
    thread = Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        provider.server.server_close()
        thread.join()
