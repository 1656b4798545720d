"""Authlib's OAuth 2.0 server on Flask, as its documentation builds it.

Runs in the peers' own environment: BENCH_DATABASE, BENCH_FORMAT (opaque or jwt) and the client come
from the environment.
"""

import os
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response
from flask_sqlalchemy import SQLAlchemy
from joserfc.jwk import ECKey
from sqlalchemy import event
from sqlalchemy.engine import Engine

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE"]
db = SQLAlchemy(app)
KEY = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig", "kid": "bench"})


class Client(db.Model, OAuth2ClientMixin):
    """A registered client."""

    id = db.Column(db.Integer, primary_key=True)


class Token(db.Model, OAuth2TokenMixin):
    """An issued token."""

    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer)
    access_token = db.Column(db.Text, unique=True, nullable=False)  # a JWT is longer than 255


class ByEitherMethod(ClientCredentialsGrant):
    """The grant, with the client's secret in the header or in the body."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")


class Jwt(JWTBearerTokenGenerator):
    """Tokens by RFC 9068."""

    def get_jwks(self) -> ECKey:
        """Return the key that was loaded once."""
        return KEY


server = AuthorizationServer(
    app,
    query_client=create_query_client_func(db.session, Client),
    save_token=create_save_token_func(db.session, Token),
)
server.register_grant(ByEitherMethod)
if os.environ["BENCH_FORMAT"] == "jwt":
    server.register_token_generator("default", Jwt(issuer="http://127.0.0.1", alg="ES256"))


@app.post("/oauth/token")
def issue_token() -> Response:
    """Answer the token endpoint."""
    return server.create_token_response()


@app.get("/healthz")
def healthz() -> str:
    """Say that the application is up."""
    return "ok"


@event.listens_for(Engine, "connect")
def _use_wal(connection: object, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


with app.app_context():
    db.create_all()
    client = Client(
        client_id=os.environ["BENCH_CLIENT_ID"],
        client_secret=os.environ["BENCH_CLIENT_SECRET"],
        client_id_issued_at=int(time.time()),
    )
    client.set_client_metadata(
        {
            "client_name": "bench",
            "grant_types": ["client_credentials"],
            "scope": os.environ["BENCH_SCOPE"],
            "token_endpoint_auth_method": "client_secret_post",
        }
    )
    db.session.add(client)
    db.session.commit()
