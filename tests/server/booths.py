"""A token service in this process, on a database in a file, with what tests ask of it."""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2

from tokenbooth.server.app import TokenService
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.keyring import new_issuer_keys
from tokenbooth.server.records import Api, ApiAccess, ApiScope, Client, Credential, Issuer
from tokenbooth.server.secrets import new_credential_id

BASE_URL = "https://auth.example.com"
PERSONS = "https://persons.example.com"
ORDERS = "https://orders.example.com"


class Town:
    """One running service, with short ways to fill and ask it."""

    def __init__(self, *, app, booth, http, clock):
        self.app = app
        self.booth = booth
        self.store = booth.store
        self.http = http
        self.clock = clock

    @property
    def service(self):
        return self.app._service

    @property
    def registry(self):
        return self.service.registry

    def issuer(self, name="default"):
        return self.registry.issuers[name]

    async def add_issuer(self, name, *, keys=True, **changes):
        now = self.clock.now()
        issuer = Issuer(**{"name": name, "tag": f"tag{name}"[:12], "created_at": now} | changes)
        first = new_issuer_keys(issuer, self.booth.vault, now) if keys else ()
        await self.store.add_issuer(issuer, first)
        await self.registry.refresh()
        return issuer

    async def add_api(self, name, audience, scopes, *, issuer="default"):
        await self.store.add_api(
            Api(
                issuer=issuer,
                name=name,
                audience=audience,
                scopes=tuple(ApiScope(name=scope) for scope in scopes.split()),
                created_at=self.clock.now(),
            )
        )
        await self.registry.refresh()

    async def add_client(
        self, client_id="ada", *, access=None, issuer="default", expires_at=None, **changes
    ):
        """Add a client with one secret, and return the secret."""
        now = self.clock.now()
        access = {"persons": "persons:read"} if access is None else access
        client = Client(
            issuer=issuer,
            client_id=client_id,
            access=tuple(
                ApiAccess(api=api, scopes=tuple(scopes.split())) for api, scopes in access.items()
            ),
            created_at=now,
            updated_at=now,
            **changes,
        )
        await self.store.add_client(client)
        secret = await self.add_secret(client_id, issuer=issuer, expires_at=expires_at)
        await self.registry.refresh()
        return secret

    async def add_secret(self, client_id, *, issuer="default", expires_at=None, secret=None):
        credential_id = new_credential_id()
        tag = next(i.tag for i in await self.store.list_issuers() if i.name == issuer)
        secret = secret or self.booth.secrets.make(tag, credential_id)
        await self.store.add_credential(
            Credential(
                id=credential_id,
                issuer=issuer,
                client_id=client_id,
                kind="secret",
                data=self.booth.secrets.digest(secret),
                created_at=self.clock.now(),
                expires_at=expires_at,
            )
        )
        return secret

    async def change_client(self, client_id, *, issuer="default", **changes):
        registered = await self.store.get_client(issuer, client_id)
        await self.store.replace_client(replace(registered.client, **changes))
        await self.registry.refresh()

    async def ask(self, path, *, client_id="ada", secret=None, **form):
        """POST a form with the credentials in the body."""
        form = {name: value for name, value in form.items() if value is not None}
        if secret is not None:
            form |= {"client_id": client_id, "client_secret": secret.reveal()}
        return await self.http.post(path, data=form)

    async def token(self, secret, *, path="/oauth2/token", client_id="ada", **form):
        form = {"grant_type": "client_credentials"} | form
        return await self.ask(path, client_id=client_id, secret=secret, **form)

    async def introspect(self, secret, token, *, client_id="ada", **form):
        path = form.pop("path", "/oauth2/introspect")
        return await self.ask(path, client_id=client_id, secret=secret, token=token, **form)

    async def revoke(self, secret, token, *, client_id="ada", **form):
        path = form.pop("path", "/oauth2/revoke")
        return await self.ask(path, client_id=client_id, secret=secret, token=token, **form)


@asynccontextmanager
async def running(settings, clock, *, base_url=BASE_URL, traces=None):
    """Run the service; what it opened is there as `booth`, as for the demo."""
    opened = []

    async def look_in(booth):
        opened.append(booth)
        return {}

    app = TokenService(settings, base_url=base_url, make_mounts=look_in, clock=clock, traces=traces)
    async with app.running():
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=base_url) as http:
            yield Town(app=app, booth=opened[0], http=http, clock=clock)


async def make_template(settings, clock):
    """Make the database and key file that every test starts from."""
    booth = await open_booth(settings, clock=clock)
    await booth.close()


def payload_of(token):
    """The claims of a JWT, not verified."""
    return _part(token, 1)


def header_of(token):
    return _part(token, 0)


def _part(token, number):
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def http_scope(method="POST", path="/oauth2/token", *, headers=(), client=("192.0.2.7", 5000)):
    """The ASGI scope of one request."""
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": list(headers),
        "client": client,
    }


FORM = (b"content-type", b"application/x-www-form-urlencoded")
