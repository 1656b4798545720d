"""CVE-2020-5300 (Hydra), CVE-2020-15222 (fosite): an assertion that was used was good again."""

import asyncio
import json

from tests.protocol.jose import key_for
from tests.server.booths import BASE_URL, running
from tokenbooth.clock import TravelClock
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.management.service.apis import create_api
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, make_client_assertion
from tokenbooth.server.settings import Settings


async def test_of_many_copies_at_two_services_on_one_database_one_counts(tmp_path):
    settings = Settings(database=f"sqlite:///{tmp_path}/booth.db", change_poll_seconds=60.0)
    clock, key = TravelClock(), key_for("ES256")
    jwk = json.dumps(key.public.to_jwk())
    async with running(settings, clock) as one:
        await create_api(
            one.booth, name="persons", audience="https://p.example", scopes="persons:read"
        )
        await create_client(
            one.booth, client_id="app", apis=["persons"], proofs=read_keys(jwk).proofs
        )
        assertion = make_client_assertion(
            key, client_id="app", audience=BASE_URL, jti="once", now=clock.now()
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": assertion.reveal(),
        }
        async with running(settings, clock) as two:
            for town in (one, two):
                await town.registry.refresh()
            answers = await asyncio.gather(
                *(
                    town.http.post("/oauth2/token", data=form)
                    for _ in range(10)
                    for town in (one, two)
                )
            )
            assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
            # The upkeep that forgets what expired must not bring it back while it is good.
            clock.travel(30)
            await two.store.forget_expired(clock.now())
            again = await two.http.post("/oauth2/token", data=form)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
