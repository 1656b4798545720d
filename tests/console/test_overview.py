"""The overview: numbers, pictures, what to look after, first steps."""

import json
import re

import pytest

from tests.console.people import running, words
from tokenbooth.management.clients.access_requests import request_access
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.server.people_records import Member
from tokenbooth.server.settings import Settings

pytestmark = pytest.mark.anyio
DAY = 86_400


def _chart(page, name):
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page.text)
    return json.loads(found[1]) if found else None


async def _tokens(town, client_id, count):
    secret = await town.add_secret(client_id)
    await town.registry.refresh()
    for _ in range(count):
        assert (await town.token(secret, client_id=client_id)).status_code == 200
    await town.service.activity.write(town.store)


async def test_counts_the_tokens_of_each_client_over_time(operator, town):
    await _tokens(town, "acme-app", 3)
    await _tokens(town, "globex-app", 1)

    page = await operator.get("/")
    assert "4 tokens in 24 hours" in words(page)
    assert "2 clients got tokens" in words(page)
    chart = _chart(page, "tokens")
    assert [(one["label"], sum(one["values"])) for one in chart["series"]] == [
        ("acme-app", 3),
        ("globex-app", 1),
    ]
    assert len(chart["x"]) == 7 * 24
    assert all(len(one["values"]) == len(chart["x"]) for one in chart["series"])


async def test_sums_up_the_clients_beyond_the_five_busiest(operator, town):
    for number in range(7):
        await create_client(town.booth, apis=["persons"], client_id=f"c{number}")
        await _tokens(town, f"c{number}", 7 - number)

    chart = _chart(await operator.get("/"), "tokens")
    assert [(one["label"], sum(one["values"])) for one in chart["series"]] == [
        *((f"c{number}", 7 - number) for number in range(5)),
        ("Others", 3),
    ]


async def test_shows_an_account_the_numbers_of_its_own_clients(member, town):
    await _tokens(town, "acme-app", 2)
    await _tokens(town, "globex-app", 5)

    page = await member.get("/")
    assert "2 tokens in 24 hours" in words(page)
    assert "globex" not in page.text
    assert [one["label"] for one in _chart(page, "tokens")["series"]] == ["acme-app"]


async def test_tells_refusals_by_reason_in_words(operator, town):
    secret = await town.add_secret("acme-app")
    await town.registry.refresh()
    for _ in range(3):
        await town.token(secret, client_id="acme-app", scope="nonsense")
    await town.service.activity.write(town.store)

    page = await operator.get("/")
    assert "3 refusals in 24 hours" in words(page)
    assert "/console/audit/refusals?id=invalid_scope" in page.text
    assert sum(_chart(page, "refusals")["series"][0]["values"]) == 3


async def test_lists_what_to_look_after_with_links(operator, member, town):
    now = town.clock.now()
    await town.add_secret("acme-app", expires_at=now + 3 * DAY)
    await town.add_secret("globex-app", expires_at=now + 3 * DAY)

    page = await operator.get("/")
    assert "ends soon" in words(page)
    assert "2 to look after" in words(page)
    assert 'href="/console/clients/default/acme-app"' in page.text
    own = await member.get("/")
    assert "1 to look after" in words(own)
    assert "globex" not in own.text


async def test_lists_hosts_that_are_still_on_an_old_secret(operator, town):
    secret = await town.add_secret("acme-app")
    await town.registry.refresh()
    await rotate_secret(town.booth, "acme-app", overlap=2 * DAY)
    await town.registry.refresh()
    await town.token(secret, client_id="acme-app")
    await town.service.last_uses.write(town.store)

    page = words(await operator.get("/"))
    assert "Still on old secrets" in page
    assert "127.0.0.1" in page
    assert "in 1 day" in page or "in 2 days" in page


async def test_operators_see_which_requests_wait_for_them(operator, member, town):
    await request_access(town.booth, "acme-app", api="orders", reason="We bill by order.")

    page = words(await operator.get("/"))
    assert "Requests that wait for you" in page
    assert "We bill by order." in page
    assert "Requests that wait for you" not in words(await member.get("/"))


async def test_operators_see_how_the_service_is_and_accounts_do_not(operator, member, town):
    page = words(await operator.get("/"))
    assert "Database SQLite ready" in page
    assert "Signing keys default" in page
    assert "Service" not in words(await member.get("/"))


async def test_a_fresh_installation_shows_the_first_steps(tmp_path, clock):
    settings = Settings(
        database=f"sqlite:///{tmp_path}/fresh.db",
        issuer_url="https://auth.example.com",
        change_poll_seconds=60.0,
    )
    async with running(settings, clock) as town:
        await town.store.add_member(
            Member(id="m", email="operator@booth.example", role="operator", created_at=0.0)
        )
        operator = await town.sign_in("operator")
        page = await operator.get("/")

        assert "First steps" in words(page)
        for path in ("/apis/new", "/clients/new", "/members/invite"):
            assert f'href="/console{path}"' in page.text


async def test_who_has_clients_sees_no_first_steps(operator, member):
    for browser in (operator, member):
        assert "First steps" not in words(await browser.get("/"))
