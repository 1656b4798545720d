"""The management API inside the service, without a network."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx2
import pytest

from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.rest.mount import management_mounts
from tokenbooth.management.rest.rights import ensure_management_api
from tokenbooth.management.service.keys import list_keys, remove_key
from tokenbooth.server.app import TokenService
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings

HOST = "https://auth.example.com"


@asynccontextmanager
async def service(folder, base_url, **wishes):
    """Run a service of this address with a client that may do everything."""
    settings = Settings(database=f"sqlite:///{folder}/booth.db", issuer_url=base_url, **wishes)
    booth = await open_booth(settings)
    await ensure_management_api(booth, base_url)
    made = await create_client(booth, client_id="ops", apis=["management"])
    await booth.close()

    async def mounts(booth):
        inside.append(booth)
        return management_mounts(booth, app)

    inside = []
    app = TokenService(settings, base_url=base_url, make_mounts=mounts)
    transport = httpx2.ASGITransport(app)
    async with app.running(), httpx2.AsyncClient(transport=transport, base_url=HOST) as http:
        answer = await http.post(
            "/oauth2/token",
            auth=("ops", made.secret.client_secret.reveal()),
            data={"grant_type": "client_credentials"},
        )
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        http.owner = ("ops", made.secret.client_secret.reveal())
        http.booth = inside[0]
        yield http


@pytest.mark.parametrize("path", ["", "/tokens"])
async def test_is_reached_at_the_root_and_under_the_path_of_the_service(tmp_path, path):
    async with service(tmp_path, f"{HOST}{path}") as http:
        answers = [await http.get(f"{place}/api/v1/issuers") for place in {"", path}]
        document = (await http.get("/api/v1/openapi.json")).json()

    assert {answer.status_code for answer in answers} == {200}
    assert document["servers"] == [{"url": f"{HOST}{path}/api/v1"}]
    flow = document["components"]["securitySchemes"]["AccessToken"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == f"{HOST}{path}/oauth2/token"


async def test_many_first_requests_at_once_are_all_served(tmp_path):
    async with service(tmp_path, HOST) as http:
        answers = await asyncio.gather(*(http.get("/api/v1/issuers") for _ in range(20)))

    assert [answer.status_code for answer in answers] == [200] * 20


async def test_a_token_of_a_pulled_key_is_refused_although_the_guard_remembers_the_key(tmp_path):
    async with service(tmp_path, HOST) as http:
        before = await http.get("/api/v1/issuers")
        keys = await list_keys(http.booth, issuer="default")
        (signing,) = (key.kid for key in keys if key.purpose == "sign" and key.status == "current")

        await remove_key(http.booth, signing, force=True)
        after = await http.get("/api/v1/issuers")

    assert (before.status_code, after.status_code) == (200, 401)
    assert 'error="invalid_token"' in after.headers["WWW-Authenticate"]


async def test_a_token_of_a_new_key_is_accepted_as_soon_as_the_service_signs_with_it(tmp_path):
    async with service(tmp_path, HOST) as http:
        assert (await http.get("/api/v1/issuers")).status_code == 200
        keys = await list_keys(http.booth, issuer="default")
        (signing,) = (key.kid for key in keys if key.purpose == "sign" and key.status == "current")
        await remove_key(http.booth, signing, force=True)

        async def is_accepted():
            form = {"grant_type": "client_credentials"}
            answer = await http.post("/oauth2/token", auth=http.owner, data=form)
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            return (await http.get("/api/v1/issuers", headers=headers)).status_code == 200

        # Far less than a guard elsewhere waits before it asks for keys again.
        end = asyncio.get_running_loop().time() + 20
        while not await is_accepted():
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.1)


async def test_says_that_the_database_is_away_and_when_to_try_again(tmp_path):
    async with service(tmp_path, HOST) as http:
        assert (await http.get("/api/v1/issuers")).status_code == 200
        await http.booth.close()

        answer = await http.get("/api/v1/issuers")

    assert (answer.status_code, answer.json()["code"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"]


async def test_a_body_that_comes_too_slowly_is_cut_off(tmp_path):
    async def slowly():
        yield b"{"
        await asyncio.sleep(60)

    async with service(tmp_path, HOST, body_timeout_seconds=0.3) as http:
        answer = await http.post("/api/v1/accounts", content=slowly())

    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")


def test_mounting_it_loads_no_framework():
    code = (
        "import sys, tokenbooth.cli.serve; "
        "sys.exit(any(name in sys.modules for name in ('fastapi', 'pydantic', 'starlette')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
