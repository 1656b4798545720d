"""The service tells Prometheus how it does: parsed by Prometheus' own library."""

import time
from dataclasses import replace

import anyio
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.server.booths import PERSONS, running
from tokenbooth.server.app import TokenService
from tokenbooth.server.metrics import counting, families
from tokenbooth.server.metrics.counting import Metrics
from tokenbooth.server.metrics.numbers import NoRoom, Numbers
from tokenbooth.server.settings import Settings

DAY = 86_400
# What is timed by words of ours alone, some of it whenever its time comes.
BY_OURSELVES = ("event_loop_lag", "http_request_duration", "store_call_duration")


async def sent(town, **form):
    return await town.http.post("/oauth2/token", data=form)


async def samples(town, **headers):
    answer = await town.http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def read(text):
    return {
        (
            sample.name.removeprefix("tokenbooth_"),
            tuple(sorted(sample.labels.items())),
        ): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def named(found, name, **labels):
    """The sum of the samples of that name with these labels."""
    return sum(
        value
        for (sample, its_labels), value in found.items()
        if sample == name and labels.items() <= dict(its_labels).items()
    )


async def test_counts_token_requests_by_outcome_reason_and_method(town):
    secret = await town.add_client()
    for _ in range(3):
        assert (await town.token(secret)).status_code == 200
    await sent(town, grant_type="client_credentials", client_id="no", client_secret="wrong")
    found = await samples(town)
    issued = {"issuer": "default", "outcome": "issued", "reason": ""}
    assert named(found, "token_requests_total", auth_method="client_secret_post", **issued) == 3
    assert named(found, "token_requests_total", outcome="refused") == 1
    assert named(found, "tokens_issued_total", token_format="jwt", audience=PERSONS) == 3
    assert named(found, "token_request_duration_seconds_count", issuer="default") == 4
    assert named(found, "http_requests_total", endpoint="token", status="200") == 3


async def test_times_every_endpoint(town):
    secret = await town.add_client()
    token = (await town.token(secret)).json()["access_token"]
    await town.add_issuer("other")
    await town.ask("/other/oauth2/token")
    await town.introspect(secret, token)
    await town.http.get("/healthz")
    found = await samples(town)
    timed = {
        endpoint: named(found, "http_request_duration_seconds_count", endpoint=endpoint)
        for endpoint in ("token", "introspection", "healthz", "revocation")
    }
    assert timed == {"token": 2, "introspection": 1, "healthz": 1, "revocation": 0}
    assert named(found, "http_request_duration_seconds_sum", endpoint="introspection") == 0
    assert named(found, "token_request_duration_seconds_count", issuer="other") == 1


async def test_times_and_counts_what_the_database_does(town):
    before = await samples(town)
    await sent(town, grant_type="client_credentials", client_id="b", client_secret="c")
    found = await samples(town)
    name = "store_call_duration_seconds_count"
    for operation in ("revision", "read", "write"):
        assert named(found, name, operation=operation) > 0
    looked_up = named(found, name, operation="look_up") - named(before, name, operation="look_up")
    assert looked_up == 1
    assert named(found, "store_errors_total") == 0
    await town.store.close()
    await sent(town, grant_type="client_credentials", client_id="c", client_secret="c")
    found = await samples(town)
    assert named(found, "store_errors_total", operation="look_up") == 1


async def test_counts_what_is_decided_anew(town):
    secret = await town.add_client()
    for _ in range(3):
        await town.token(secret)
    assert named(await samples(town), "decisions_made_total") == 1
    await town.token(secret, scope="persons:read")
    assert named(await samples(town), "decisions_made_total") == 2


async def test_tells_how_late_the_event_loop_is(town):
    lag = "event_loop_lag_seconds"
    time.sleep(0.6)  # noqa: ASYNC251 - it is what keeps the loop busy
    deadline = time.monotonic() + 20
    found = await samples(town)
    while named(found, f"{lag}_count") == named(found, f"{lag}_bucket", le="0.25"):
        assert time.monotonic() < deadline
        await anyio.sleep(0.02)
        found = await samples(town)
    assert named(found, f"{lag}_sum") > 0.25


async def test_counts_introspections_and_revocations(town):
    secret = await town.add_client()
    token = (await town.token(secret)).json()["access_token"]
    await town.introspect(secret, token)
    await town.revoke(secret, token)
    await town.introspect(secret, token)
    found = await samples(town)
    assert named(found, "introspections_total", active="true") == 1
    assert named(found, "introspections_total", active="false") == 1
    assert named(found, "revocations_total", issuer="default") == 1


async def test_counts_what_is_beyond_a_limit(town):
    for _ in range(22):
        await sent(town, grant_type="client_credentials", client_id="ada", client_secret="guess")
    found = await samples(town)
    assert named(found, "rate_limited_total", limit="failures_of_client", enforced="true") == 2


async def test_tells_of_clients_credentials_and_keys_as_of_the_last_minute(town):
    await town.add_client(expires_at=town.clock.now() + 5 * DAY)
    found = await samples(town)
    assert named(found, "clients", issuer="default", status="enabled") == 1
    assert named(found, "secrets_expiring", kind="secret", window="7d") == 1
    assert named(found, "secrets_expiring", kind="secret", window="30d") == 1
    assert named(found, "keys", purpose="sign", state="current") == 1
    assert named(found, "database_up") == 1
    await town.change_client("ada", enabled=False)
    assert named(await samples(town), "clients", status="disabled") == 0
    town.clock.travel(61)
    found = await samples(town)
    assert named(found, "clients", status="disabled") == 1
    assert named(found, "signing_key_age_seconds", issuer="default") >= 61


async def test_tells_how_far_a_worker_is_behind(town):
    town.clock.travel(7)
    assert named(await samples(town), "registry_lag_seconds", worker="1") == 7
    await town.registry.refresh()
    assert named(await samples(town), "registry_lag_seconds", worker="1") == 0


async def test_tells_how_many_changes_a_worker_is_behind(town):
    found = await samples(town)
    revision = named(found, "database_revision")
    assert named(found, "registry_revision", worker="1") == revision
    issuer = next(iter(await town.store.list_issuers()))
    await town.store.replace_issuer(replace(issuer, token_lifetime=60))
    found = await samples(town)
    assert named(found, "database_revision") == revision + 1
    assert named(found, "registry_revision", worker="1") == revision
    await town.registry.refresh()
    assert named(await samples(town), "registry_revision", worker="1") == revision + 1


async def test_tells_that_the_database_is_away_and_what_was_known(town):
    await samples(town)
    await town.store.close()
    town.clock.travel(120)
    found = await samples(town)
    assert named(found, "database_up") == 0
    assert ("clients", (("issuer", "default"), ("status", "enabled"))) in found


async def test_speaks_openmetrics_to_whoever_asks_for_it(town):
    await town.token(await town.add_client())
    answer = await town.http.get(
        "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"}
    )
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in parse_open_metrics(answer.text)}
    assert "tokenbooth_token_requests" in names


async def test_every_metric_is_declared(town):
    answer = await town.http.get("/metrics")
    told = {family.name for family in parse_text(answer.text)}
    assert told == {family.name for family in families.ALL}


async def test_what_strangers_send_makes_no_series(town):
    await sent(town, grant_type="a", client_id="b", client_secret="c")
    await sent(town, grant_type="client_credentials", client_id="b", client_secret="c")
    await town.http.get("/nothing")
    before = set(await samples(town))
    for number in range(50):
        name = f"stranger{number}"
        await sent(town, grant_type=name, client_id=name, client_secret=name)
        wrong = {"client_id": name, "client_secret": name}
        await sent(town, grant_type="client_credentials", **wrong)
        await town.http.get(f"/{name}/oauth2/token")
        await town.http.request(name.upper(), "/healthz", headers={"Accept": name})
    after = set(await samples(town))
    counted = {name for name in after - before if not name[0].startswith(BY_OURSELVES)}
    # One for /healthz with its 405, three for what is beyond the limit of failures by now.
    assert len(counted) <= 4
    assert not [series for series in after if "stranger" in str(series)]


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.9", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Via": "1.1 edge"}, 403),
    ],
)
async def test_is_for_the_operators_networks_and_for_nobody_behind_an_unknown_proxy(
    town, peer, headers, status
):
    assert await asked_from(town.app, peer, headers) == status


async def test_believes_a_trusted_proxy(settings, clock):
    trusting = Settings.load({}, database=settings.database, trusted_proxy="192.0.2.1")
    async with running(trusting, clock) as town:
        inside, outside = {"X-Forwarded-For": "10.0.0.1"}, {"X-Forwarded-For": "203.0.113.9"}
        assert await asked_from(town.app, "192.0.2.1", inside) == 200
        assert await asked_from(town.app, "192.0.2.1", outside) == 403


async def test_can_be_turned_off(settings, clock):
    async with running(Settings.load({}, database=settings.database, metrics="off"), clock) as town:
        assert (await town.http.get("/metrics")).status_code == 404


async def test_is_only_read(town):
    assert (await town.http.post("/metrics")).status_code == 405
    answer = await town.http.head("/metrics")
    assert (answer.status_code, answer.content) == (200, b"")


async def asked_from(app: TokenService, peer, headers):
    answers = []

    async def send(message):
        answers.append(message)

    encoded = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/metrics",
        "query_string": b"",
        "headers": encoded,
        "client": (peer, 1),
    }
    await app(scope, None, send)
    return answers[0]["status"]


def test_the_part_of_a_dead_worker_is_continued(tmp_path):
    first, second = Numbers.within(tmp_path), Numbers.within(tmp_path)
    Metrics(first).count(families.SIGN_INS, "succeeded", "")
    Metrics(second).count(families.SIGN_INS, "succeeded", "")
    assert total(second) == 2
    first.close()
    assert [part.lives for part in second.parts()] == [True, False]
    third = Numbers.within(tmp_path)
    Metrics(third).count(families.SIGN_INS, "succeeded", "")
    assert third.worker == first.worker
    assert total(second) == total(third) == 3
    second.close()
    third.close()


def test_counts_alone_where_there_is_no_folder(tmp_path):
    numbers = Numbers.within(tmp_path / "gone")
    Metrics(numbers).count(families.SIGN_INS, "succeeded", "")
    assert total(numbers) == 1


def test_sums_up_what_finds_no_room(monkeypatch):
    metrics = Metrics()
    for number in range(9000):
        metrics.count(families.REVOCATIONS, f"issuer{number}")
    (part,) = metrics.numbers.parts()
    found = {series: values[0] for series, values in part.series.items()}
    assert sum(found.values()) == 9000
    assert found["tokenbooth_revocations", counting.OTHER] > 0
    with pytest.raises(NoRoom):
        metrics.numbers.slot(("another",))


def total(numbers):
    key = ("tokenbooth_sign_ins", "succeeded", "")
    return sum(part.series.get(key, (0.0,))[0] for part in numbers.parts())
