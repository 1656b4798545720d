"""A service in this process, and the management API as different callers call it."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.rest.mount import management_mounts
from tokenbooth.management.rest.rights import ensure_management_api
from tokenbooth.management.service.apis import create_api
from tokenbooth.server.app import TokenService
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings

URL = "https://auth.example.com"


@dataclass
class Office:
    """The API, and the tokens with which to call it."""

    booth: object
    http: httpx2.AsyncClient
    clock: TravelClock
    app: object
    secrets: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)

    async def client(self, client_id, *, apis=("management",), **more):
        """Register a client through the operators' own hands."""
        made = await create_client(self.booth, client_id=client_id, apis=list(apis), **more)
        self.secrets[client_id] = made.secret.client_secret.reveal()
        return made

    async def token(self, client_id, scope=None):
        """Return a token of the client, the same one for the same question."""
        if (client_id, scope) not in self.tokens:
            form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
            answer = await self.http.post(
                "/oauth2/token", auth=(client_id, self.secrets[client_id]), data=form
            )
            assert answer.status_code == 200, answer.text
            self.tokens[client_id, scope] = answer.json()["access_token"]
        return self.tokens[client_id, scope]

    async def call(self, method, path, body=None, *, by="ops", scope=None, **headers):
        """Call as a client; `by` None sends no token. Header names are written with _."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if by is not None:
            sent["Authorization"] = f"Bearer {await self.token(by, scope)}"
        given = {} if body is None else {"json": body}
        return await self.http.request(method, "/api/v1" + path, headers=sent, **given)


@asynccontextmanager
async def office(folder):
    """Run a service with an operator's client `ops`."""
    clock = TravelClock()
    settings = Settings(
        database=f"sqlite:///{folder}/booth.db", issuer_url=URL, change_poll_seconds=60.0
    )
    booth = await open_booth(settings, clock=clock)
    await ensure_management_api(booth, URL)
    await booth.close()

    async def mounts(booth):
        inside.append(booth)
        return management_mounts(booth, app)

    inside = []
    app = TokenService(settings, base_url=URL, make_mounts=mounts, clock=clock)
    transport = httpx2.ASGITransport(app)
    async with app.running(), httpx2.AsyncClient(transport=transport, base_url=URL) as http:
        made = Office(booth=inside[0], http=http, clock=clock, app=app)
        await made.client("ops")
        yield made


async def add_people(made):
    """Add two accounts, each with a client that manages it and one that only calls an API."""
    await create_api(
        made.booth,
        name="open",
        audience="https://open.example",
        scopes="o:r o:w",
        self_service=True,
    )
    await create_api(made.booth, name="closed", audience="https://closed.example", scopes="c:r")
    for name in ("acme", "beta"):
        await create_account(made.booth, name=name)
        await made.client(f"{name}-ops", account=name)
        await made.client(f"{name}-app", apis=("open",), scope="o:r", account=name)
    await made.client("nobodys", apis=("closed",))
    await made.app._service.registry.refresh()
