"""Requests that repeat an answered one: what they get, and what ends that."""

import asyncio
import json
from dataclasses import replace

import pytest

from tests.server.booths import FORM, http_scope, payload_of
from tokenbooth.server.exchange import RAW_KEY
from tokenbooth.server.records import ClientPolicy
from tokenbooth.server.repeats import LONGEST, MORE, Repeats

PEER = ("192.0.2.7", 5000)
_ISSUED = "tokenbooth_tokens_issued_total"
ELSEWHERE = ("198.51.100.9", 5000)


def _raw(secret, *, path="/oauth2/token", client_id="ada", headers=(), **form):
    pairs = {"grant_type": "client_credentials", "client_id": client_id} | form
    body = "&".join(f"{name}={value}" for name, value in pairs.items())
    body += f"&client_secret={secret.reveal()}"
    lines = [f"POST {path} HTTP/1.1", "host: auth.example.com", *headers, "", body]
    return "\r\n".join(lines).encode()


async def _ask(town, raw, *, peer=PEER, pieces=None):
    """Ask as the listener does: for a repeat first, and in ASGI if it is none."""
    repeated = town.app.repeat(raw, peer)
    if isinstance(repeated, tuple):
        return json.loads(repeated[1])
    return await _ask_in_asgi(town, raw, peer=peer, pieces=pieces)


async def _ask_in_asgi(town, raw, *, peer=PEER, pieces=None, before_answer=None):
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = [FORM, *(tuple(line.split(b": ", 1)) for line in lines)]
    path = first.split(b" ")[1].decode()
    scope = http_scope(path=path, headers=headers, client=peer)
    scope["state"] = {RAW_KEY: pieces or (raw,)}
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        if before_answer is not None:
            await before_answer()
        sent.append(message)

    await town.app(scope, receive, send)
    return json.loads(sent[1]["body"])


def _is_repeat(town, raw, *, peer=PEER):
    return isinstance(town.app.repeat(raw, peer), tuple)


@pytest.fixture
async def secret(town):
    return await town.add_client()


async def test_a_repeat_gets_a_new_token_that_says_the_same(town, secret):
    raw = _raw(secret)
    first = await _ask(town, raw)
    town.clock.travel(60)
    second = await _ask(town, raw)

    assert town.service.repeats.hits == 1
    one, other = payload_of(first["access_token"]), payload_of(second["access_token"])
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} == {"iat", "exp", "jti"}
    assert (other["iat"] - one["iat"], other["exp"] - one["exp"]) == (60, 60)
    assert first.keys() == second.keys()


async def test_the_answer_to_a_repeat_has_the_lines_that_the_first_one_had(town, secret):
    raw = _raw(secret)
    answer = await town.token(secret)
    await _ask(town, raw)
    head, body = town.app.repeat(raw, PEER)

    lines = [line.split(b": ", 1) for line in head.removesuffix(b"\r\n").split(b"\r\n")]
    other = dict(answer.headers.raw)
    assert [name for name, _ in lines] == list(other)
    told = dict(lines)
    assert int(told.pop(b"content-length")) == len(body)
    assert told.pop(b"x-request-id") != other[b"x-request-id"]
    assert all(other[name] == value for name, value in told.items())


async def test_bytes_that_differ_in_anything_are_read(town, secret):
    raw = _raw(secret)
    await _ask(town, raw)

    assert _is_repeat(town, raw)
    for other in (raw + b" ", raw[:-1], raw.replace(b"host", b"Host"), raw.lower(), b""):
        assert town.app.repeat(other, PEER) is None


async def test_a_refused_request_is_never_a_repeat(town, secret):
    raw = _raw(secret, scope="persons%3Adelete")
    assert (await _ask(town, raw))["error"] == "invalid_scope"
    assert not _is_repeat(town, raw)


async def test_a_disabled_client_ends_it(town, secret):
    raw = _raw(secret)
    await _ask(town, raw)
    await town.change_client("ada", enabled=False)

    assert (await _ask(town, raw))["error"] == "invalid_client"
    await town.change_client("ada", enabled=True)
    assert "access_token" in await _ask(town, raw)
    assert _is_repeat(town, raw)


async def test_a_removed_credential_ends_it(town, secret):
    raw = _raw(secret)
    await _ask(town, raw)
    registered = await town.store.get_client("default", "ada")
    await town.store.delete_credential("default", "ada", registered.credentials[0].id)
    await town.registry.refresh()

    assert (await _ask(town, raw))["error"] == "invalid_client"


async def test_a_deleted_client_ends_it(town, secret):
    raw = _raw(secret)
    await _ask(town, raw)
    await town.store.delete_client("default", "ada")
    await town.registry.refresh()

    assert (await _ask(town, raw))["error"] == "invalid_client"


async def test_a_secret_that_expires_ends_it_without_any_change(town):
    secret = await town.add_client("bob", expires_at=town.clock.now() + 100)
    raw = _raw(secret, client_id="bob")
    await _ask(town, raw)
    town.clock.travel(99)
    assert _is_repeat(town, raw)
    town.clock.travel(1)

    assert (await _ask(town, raw))["error"] == "invalid_client"


async def test_less_access_is_less_in_the_next_token(town):
    secret = await town.add_client("bob", access={"persons": "persons:read persons:write"})
    raw = _raw(secret, client_id="bob")
    assert (await _ask(town, raw))["scope"] == "persons:read persons:write"
    registered = await town.store.get_client("default", "bob")
    less = replace(registered.client.access[0], scopes=("persons:read",))
    await town.change_client("bob", access=(less,))

    assert (await _ask(town, raw))["scope"] == "persons:read"


async def test_another_lifetime_of_the_issuer_is_that_of_the_next_token(town, secret):
    raw = _raw(secret)
    assert (await _ask(town, raw))["expires_in"] == 3600
    await town.store.replace_issuer(replace(town.issuer().record, token_lifetime=60))
    await town.registry.refresh()

    assert (await _ask(town, raw))["expires_in"] == 60


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (ClientPolicy(quota_per_hour=2), "temporarily_unavailable"),
        (ClientPolicy(networks=("192.0.2.0/24",)), "invalid_client"),
    ],
    ids=["quota", "networks"],
)
async def test_what_is_counted_or_depends_on_the_caller_is_asked_each_time(town, policy, error):
    secret = await town.add_client("bob", policy=policy)
    raw = _raw(secret, client_id="bob")
    assert "access_token" in await _ask(town, raw)

    assert not _is_repeat(town, raw)
    assert "access_token" in await _ask(town, raw)
    assert (await _ask(town, raw, peer=ELSEWHERE))["error"] == error


@pytest.mark.parametrize(
    "header", ["expect: 100-continue", "connection: close", "dpop: x", "upgrade: h2c"]
)
async def test_a_request_that_says_more_than_its_bytes_is_no_repeat(town, secret, header):
    raw = _raw(secret, headers=[header])
    await _ask(town, raw)
    assert not _is_repeat(town, raw)


async def test_connection_keep_alive_says_nothing_more(town, secret):
    raw = _raw(secret, headers=["connection: keep-alive"])
    await _ask(town, raw)
    assert _is_repeat(town, raw)


async def test_a_long_request_is_not_remembered(town, secret):
    raw = _raw(secret, headers=["x-filler: " + "x" * LONGEST])
    await _ask(town, raw)
    assert not _is_repeat(town, raw)


async def test_a_refresh_token_comes_with_each_and_each_is_of_another_family(town):
    await town.add_issuer("renewing", refresh_tokens=True)
    await town.add_api("api", "urn:api", "read", issuer="renewing")
    secret = await town.add_client(access={"api": "read"}, issuer="renewing")
    raw = _raw(secret, path="/renewing/oauth2/token")
    one, other = await _ask(town, raw), await _ask(town, raw)

    assert town.service.repeats.hits == 1
    assert one["refresh_token"] != other["refresh_token"]
    families = {payload_of(each["access_token"])["sid"] for each in (one, other)}
    assert len(families) == 2


async def test_the_uses_and_tokens_of_repeats_are_counted(town, secret):
    raw = _raw(secret)
    for _ in range(3):
        await _ask(town, raw)

    assert town.service.repeats.hits == 2
    await town.service.last_uses.write(town.store, everything=True)
    await town.service.activity.write(town.store, everything=True)
    hosts = await town.store.list_hosts("default", "ada")
    assert [(host.source, host.count) for host in hosts] == [(PEER[0], 3)]
    page = await town.http.get("/metrics")
    issued = [line for line in page.text.splitlines() if line.startswith(f"{_ISSUED}{{")]
    assert [float(line.rsplit(" ", 1)[1]) for line in issued] == [3.0]
    assert "tokenbooth_repeats_total 2.0" in page.text.splitlines()


async def test_a_client_that_asks_in_many_ways_pushes_out_no_other(town, secret):
    other = await town.add_client("bob")
    theirs = _raw(other, client_id="bob")
    await _ask(town, theirs)
    for number in range(40):
        await _ask(town, _raw(secret, headers=[f"x-number: {number}"]))

    assert _is_repeat(town, theirs)
    assert len(town.service.repeats) <= 9


async def test_the_oldest_goes_when_there_is_no_room(town):
    town.app._service = replace(town.service, repeats=Repeats(town.registry, capacity=2))
    secrets = [await town.add_client(f"client{n}") for n in range(3)]
    raws = [_raw(each, client_id=f"client{n}") for n, each in enumerate(secrets)]
    for raw in raws:
        await _ask(town, raw)

    assert [_is_repeat(town, raw) for raw in raws] == [False, True, True]


async def test_a_known_head_announces_that_more_will_come(town, secret):
    raw = _raw(secret)
    head, body = raw[: -len(raw.partition(b"\r\n\r\n")[2])], raw.partition(b"\r\n\r\n")[2]
    assert town.app.repeat(head, PEER) is None
    await _ask(town, raw, pieces=(head, body))

    assert town.app.repeat(head, PEER) is MORE
    assert _is_repeat(town, raw)


async def test_an_answer_that_outlasts_a_change_of_its_client_leaves_no_trace(town, secret):
    raw = _raw(secret)
    answers, may_answer = asyncio.Event(), asyncio.Event()

    async def wait():
        answers.set()
        await may_answer.wait()

    slow = asyncio.create_task(_ask_in_asgi(town, raw, before_answer=wait))
    await answers.wait()
    await town.change_client("ada", token_lifetime=61)
    await _ask(town, raw)
    may_answer.set()
    assert (await slow)["expires_in"] != 61

    assert (await _ask(town, raw))["expires_in"] == 61
    # As many others as one client may have, and more: each finds its place.
    for number in range(10):
        other = _raw(secret, x=number)
        assert "access_token" in await _ask(town, other)
        assert _is_repeat(town, other)
