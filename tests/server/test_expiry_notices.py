"""The log says once a day which credentials end soon."""

import json
from dataclasses import replace

import anyio
import pytest

from tests.server.booths import running
from tokenbooth.server.expiry_notices import tell_of_ending_credentials

DAY = 86_400


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, event, **fields):
        self.lines.append((event, fields))


async def test_what_ends_within_a_month_is_told_once_a_day_on_one_node(town):
    now = town.clock.now()
    await town.add_client("soon", expires_at=now + 20 * DAY)
    await town.add_client("later", expires_at=now + 90 * DAY)
    await town.add_client("ended", expires_at=now - 1)
    await town.add_client("endless")
    log = Log()

    counts = [await tell_of_ending_credentials(town.store, now, log) for _ in range(3)]
    counts.append(await tell_of_ending_credentials(town.store, now + DAY, log))

    assert counts == [1, 0, 0, 1]
    event, fields = log.lines[0]
    assert (event, fields["client_id"]) == ("credential_expires_soon", "soon")
    assert fields["expires_at"] == now + 20 * DAY
    json.dumps(log.lines)  # no secret type, no record: a line of the log


async def test_the_running_service_tells(settings, clock, log):
    settings = replace(settings, change_poll_seconds=0.01)
    async with running(settings, clock) as town:
        await town.add_client("soon", access={}, expires_at=clock.now() + 86_400 * 5)
    # A day later, at another start.
    clock.travel(86_400)
    async with running(settings, clock):
        for _ in range(1500):
            if "credential_expires_soon" in log():
                break
            await anyio.sleep(0.02)
        else:
            pytest.fail("the service told nobody")
