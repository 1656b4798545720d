"""What is made when the service first meets its database, and what it refuses to start with."""

import asyncio

import pytest

from tests.server.booths import BASE_URL, running
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.app import TokenService
from tokenbooth.server.bootstrap import master_key_file, open_booth
from tokenbooth.server.settings import Settings
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.vault import VaultError


async def test_makes_the_default_issuer_its_keys_and_the_pepper(tmp_path, clock):
    booth = await open_booth(Settings(database=f"sqlite:///{tmp_path}/booth.db"), clock=clock)

    (issuer,) = await booth.store.list_issuers()
    assert (issuer.name, issuer.dialect, issuer.created_at) == ("default", "standard", clock.now())
    purposes = sorted(key.purpose for key in await booth.store.list_keys())
    assert purposes == ["pepper", "seal", "sign"]
    await booth.close()


async def test_finds_everything_again(settings, clock):
    secret = Secret("tbs_x")
    first = await open_booth(settings, clock=clock)
    second = await open_booth(settings, clock=clock)

    assert second.secrets.matches(secret, first.secrets.digest(secret))
    assert await second.store.list_keys() == await first.store.list_keys()
    await first.close()
    await second.close()


async def test_several_first_starts_at_once_agree(tmp_path, clock):
    settings = Settings(database=f"sqlite:///{tmp_path}/booth.db")

    booths = await asyncio.gather(*(open_booth(settings, clock=clock) for _ in range(4)))

    assert len({booth.secrets.digest(Secret("tbs_x")) for booth in booths}) == 1
    assert len(await booths[0].store.list_keys()) == 3
    for booth in booths:
        await booth.close()


@pytest.fixture
def another_master_key(settings):
    master_key_file(settings).write_text("ab" * 32)


async def test_will_not_start_with_another_master_key(another_master_key, settings, clock):

    with pytest.raises(VaultError, match="another master key"):
        await open_booth(settings, clock=clock)


async def test_will_not_start_without_the_master_key_of_its_database(settings, clock):
    master_key_file(settings).unlink()

    with pytest.raises(VaultError, match="missing"):
        await open_booth(settings, clock=clock)
    assert not master_key_file(settings).exists()


async def test_will_not_start_on_a_damaged_database(settings, database, clock):
    database.write_bytes(b"garbage" * 1000)

    with pytest.raises(StoreUnavailable):
        await open_booth(settings, clock=clock)


def test_a_database_elsewhere_needs_a_named_key_file():
    with pytest.raises(VaultError, match="TOKENBOOTH_MASTER_KEY_FILE"):
        master_key_file(Settings(database="postgresql://db"))


async def test_the_server_hears_why_the_service_did_not_start(settings, clock):
    master_key_file(settings).unlink()
    app = TokenService(settings, base_url=BASE_URL, clock=clock)
    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)

    await app({"type": "lifespan"}, receive, send)

    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "missing" in sent[0]["message"]


async def test_the_server_hears_of_start_and_end(settings, clock):
    app = TokenService(settings, base_url=BASE_URL, clock=clock)
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message["type"])

    await app({"type": "lifespan"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_what_was_used_is_written_at_the_end(settings, clock):
    async with running(settings, clock) as town:
        await town.add_api("persons", "https://persons.example.com", "persons:read")
        secret = await town.add_client()
        await town.token(secret)

    booth = await open_booth(settings, clock=clock)
    registered = await booth.store.get_client("default", "ada")
    assert registered.credentials[0].last_used_at == clock.now()
    assert registered.credentials[0].last_used_from == "127.0.0.1"
    await booth.close()
