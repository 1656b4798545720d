"""One request as it comes in pieces, slowly, too large, or through proxies."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.booths import FORM, http_scope, running
from tokenbooth.protocol.errors import InvalidRequest, RequestTooLarge
from tokenbooth.protocol.networks import parse_networks
from tokenbooth.server.deadlines import Deadlines
from tokenbooth.server.exchange import ClientGone, Exchange

PROXIES = parse_networks("10.0.0.0/8, fd00::/8")


def pieces(*chunks):
    """What a server hands over for a body in pieces."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]
    return iter([*messages, {"type": "http.disconnect"}])


def exchange_on(receive):
    return Exchange(http_scope(), receive, None, deadlines=Deadlines())


async def read(messages, *, max_bytes=100, seconds=1.0):
    async def receive():
        message = next(messages)
        if callable(message):
            return await message()
        return message

    return await exchange_on(receive).body(max_bytes=max_bytes, seconds=seconds)


async def never():
    await asyncio.sleep(3600)


def source(peer, *forwarded, proxies=PROXIES):
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    scope = http_scope(headers=headers, client=peer and (peer, 5000))
    return Exchange(scope, None, None, deadlines=Deadlines()).source(proxies)


@pytest.mark.parametrize("chunks", [(b"",), (b"a=1",), (b"a", b"", b"=", b"1"), (b"x" * 100,)])
async def test_puts_the_pieces_of_a_body_together(chunks):
    assert await read(pieces(*chunks)) == b"".join(chunks)


@pytest.mark.parametrize("chunks", [(b"x" * 101,), (b"x" * 100, b"y"), (b"x" * 60,) * 5])
async def test_refuses_a_body_that_is_too_large(chunks):
    with pytest.raises(RequestTooLarge):
        await read(pieces(*chunks))


async def test_reads_an_endless_body_only_so_far():
    chunk = {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}
    given_out = 0

    async def receive():
        nonlocal given_out
        given_out += 1
        return chunk

    with pytest.raises(RequestTooLarge):
        await exchange_on(receive).body(max_bytes=100, seconds=5)
    assert given_out < 12


async def test_cuts_off_a_sender_that_sends_nothing():
    with pytest.raises(InvalidRequest, match="too slowly"):
        await read(iter([never]), seconds=0.02)


async def test_cuts_off_a_sender_that_drips():
    async def drip():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(InvalidRequest, match="too slowly"):
        await read(iter([drip] * 1000), seconds=0.1)


async def test_answers_nobody_when_the_client_is_gone():
    part = {"type": "http.request", "body": b"a", "more_body": True}

    for messages in ([{"type": "http.disconnect"}], [part, {"type": "http.disconnect"}]):
        with pytest.raises(ClientGone):
            await read(iter(messages))


def test_the_peer_is_the_source_unless_it_is_a_trusted_proxy():
    assert source("192.0.2.7", "203.0.113.9") == "192.0.2.7"
    assert source("10.0.0.1", "203.0.113.9") == "203.0.113.9"
    assert source("fd00::1", "2001:db8::9") == "2001:db8::9"
    assert source("10.0.0.1", "203.0.113.9", proxies=()) == "10.0.0.1"


def test_what_the_caller_wrote_before_the_proxy_does_not_count():
    assert source("10.0.0.1", "127.0.0.1, 203.0.113.9") == "203.0.113.9"
    assert source("10.0.0.1", "10.9.9.9, 203.0.113.9, 10.0.0.2") == "203.0.113.9"
    assert source("10.0.0.1", "127.0.0.1", "203.0.113.9") == "203.0.113.9"


def test_a_proxy_that_adds_a_header_of_its_own_is_looked_behind():
    assert source("10.0.0.1", "203.0.113.9", "10.0.0.2") == "203.0.113.9"


def test_an_ipv4_proxy_on_a_socket_for_both_versions_is_trusted():
    assert source("::ffff:10.0.0.1", "203.0.113.9") == "203.0.113.9"


def test_without_a_word_from_the_proxy_the_proxy_is_the_source():
    assert source("10.0.0.1") == "10.0.0.1"
    assert source("10.0.0.1", "") == "10.0.0.1"
    assert source("10.0.0.1", "10.0.0.2, ,") == "10.0.0.1"


def test_a_request_over_a_socket_file_has_no_address():
    assert source(None) == "unknown"


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=3))
def test_any_forwarded_header_gives_one_short_printable_line(values):
    found = source("10.0.0.1", *values)

    assert len(found) <= 64
    assert found.isascii()
    assert found.isprintable()


async def post_in_pieces(town, *messages, headers=(FORM,)):
    """Send a request message by message; return status and headers of the answer."""
    waiting, sent = iter(messages), []

    async def receive():
        message = next(waiting)
        return await message() if callable(message) else message

    async def send(message):
        sent.append(message)

    await town.app(http_scope(headers=headers), receive, send)
    return (sent[0]["status"], dict(sent[0]["headers"])) if sent else None


async def test_an_oversized_body_is_answered_in_json_and_ends_the_connection(town):
    body = {"type": "http.request", "body": b"x" * 70_000, "more_body": False}

    status, headers = await post_in_pieces(town, body)

    assert (status, headers[b"connection"]) == (413, b"close")
    assert headers[b"content-type"] == b"application/json"


async def test_a_client_that_hangs_up_gets_no_answer(town):
    assert await post_in_pieces(town, {"type": "http.disconnect"}) is None


async def test_a_slow_sender_is_answered_and_cut_off(settings, clock):
    async with running(replace(settings, body_timeout_seconds=0.1), clock) as town:
        status, headers = await post_in_pieces(town, never)

    assert (status, headers[b"connection"]) == (400, b"close")
