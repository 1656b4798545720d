"""Repeats over real connections: the same answers, however the bytes arrive."""

import asyncio
import contextlib
import json
import socket
from dataclasses import replace

import pytest
import uvicorn

from tests.server.booths import PERSONS, running
from tests.server.conftest import clock, database, settings, template  # noqa: F401 - fixtures
from tokenbooth.cli.uvicorn_drain import CLOSE
from tokenbooth.cli.uvicorn_repeats import RepeatingProtocol

KEEP_ALIVE_SECONDS = 2


@contextlib.asynccontextmanager
async def _listening(app):
    """Serve the application as `tokenbooth serve` does, in this process."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app,
            http=RepeatingProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None
        task = asyncio.create_task(server._serve([listening]))
        try:
            yield server, listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def served(settings, clock, monkeypatch):  # noqa: F811 - the fixtures above
    monkeypatch.setenv("TOKENBOOTH_BODY_TIMEOUT_SECONDS", "1")
    async with running(replace(settings, body_timeout_seconds=1.0), clock) as town:
        await town.add_api("persons", PERSONS, "persons:read")
        town.secret = await town.add_client()
        async with _listening(town.app) as (server, port):
            town.server, town.port = server, port
            yield town


def _request(town, *headers):
    secret = town.secret.reveal()
    body = f"grant_type=client_credentials&client_id=ada&client_secret={secret}"
    lines = [
        "POST /oauth2/token HTTP/1.1",
        "Host: auth.example.com",
        *headers,
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


async def _answer(reader):
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    status, *lines = head.decode().split("\r\n")[:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 20)
    return int(status.split(" ")[1]), headers, json.loads(body)


async def _asked(town, *raws):
    """The answers to these bytes, each sent once the one before is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", town.port)
    answers = []
    for raw in raws:
        writer.write(raw)
        answers.append(await _answer(reader))
    writer.close()
    return answers


async def test_a_repeat_is_answered_like_the_request_that_it_repeats(served):
    raw = _request(served)
    (one_status, one, first), (status, other, second) = await _asked(served, raw, raw)

    assert served.service.repeats.hits == 1
    assert (one_status, status) == (200, 200)
    assert list(one) == list(other)
    assert first.keys() == second.keys()
    assert first["access_token"] != second["access_token"]
    assert one["x-request-id"] != other["x-request-id"]
    assert other["cache-control"] == "no-store"


async def test_another_connection_may_repeat_it_too(served):
    raw = _request(served)
    await _asked(served, raw)
    [(status, _, _)] = await _asked(served, raw)
    assert (status, served.service.repeats.hits) == (200, 1)


async def test_a_body_that_comes_apart_from_its_head_is_part_of_the_repeat(served):
    raw = _request(served)
    head, _, body = raw.partition(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for _ in range(3):
        writer.write(head + b"\r\n\r\n")
        await asyncio.sleep(0.005)
        writer.write(body)
        status, _, answer = await _answer(reader)
        assert (status, answer["token_type"]) == (200, "Bearer")
    assert served.service.repeats.hits >= 1
    writer.close()


async def test_a_known_head_whose_body_stays_away_is_refused_as_ever(served):
    raw = _request(served)
    head, _, body = raw.partition(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(head + b"\r\n\r\n")
    await asyncio.sleep(0.005)
    writer.write(body)
    await _answer(reader)
    writer.write(head + b"\r\n\r\n")
    status, headers, answer = await _answer(reader)

    assert (status, answer["error"]) == (400, "invalid_request")
    assert headers["connection"] == "close"
    writer.close()


async def test_a_known_head_with_a_late_body_is_answered(served):
    raw = _request(served)
    head, _, body = raw.partition(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for pause in (0.005, 0.2, 0.2):
        writer.write(head + b"\r\n\r\n")
        await asyncio.sleep(pause)
        writer.write(body)
        assert (await _answer(reader))[0] == 200
    writer.close()


async def test_a_known_head_with_another_body_is_read(served):
    raw = _request(served)
    head, _, body = raw.partition(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for sent in (body, body[:-1] + b"!"):
        writer.write(head + b"\r\n\r\n")
        await asyncio.sleep(0.005)
        writer.write(sent)
        status, _, _ = await _answer(reader)
    assert status == 401
    writer.close()


async def test_requests_sent_together_are_answered_in_their_order(served):
    raw = _request(served)
    await _asked(served, raw)
    unknown = b"GET /nothing HTTP/1.1\r\nHost: auth.example.com\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(raw + unknown + raw)
    assert [(await _answer(reader))[0] for _ in range(3)] == [200, 404, 200]
    writer.write(unknown)
    writer.write(raw)
    assert [(await _answer(reader))[0] for _ in range(2)] == [404, 200]
    writer.close()


async def test_bytes_that_end_another_request_are_no_repeat(served):
    raw = _request(served)
    await _asked(served, raw)
    hits = served.service.repeats.hits
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    # A body that reads like a request.
    head = f"POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Length: {len(raw)}\r\n\r\n"
    writer.write(head.encode())
    await asyncio.sleep(0.05)
    writer.write(raw)
    status, _, answer = await _answer(reader)

    assert (status, answer["error"]) == (400, "invalid_request")
    assert served.service.repeats.hits == hits
    writer.close()


async def test_a_caller_of_repeats_alone_is_not_idle(served):
    raw = _request(served)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for _ in range(12):  # for three times as long as a sender may take, and longer than kept alive
        writer.write(raw)
        assert (await _answer(reader))[0] == 200
        await asyncio.sleep(0.3)
    assert served.service.repeats.hits == 11
    writer.close()


async def test_a_connection_on_which_nothing_comes_any_more_is_closed(served):
    raw = _request(served)
    await _asked(served, raw)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(raw)
    await _answer(reader)

    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def test_while_the_service_drains_a_repeat_is_the_last_of_its_connection(served):
    raw = _request(served)
    await _asked(served, raw)
    served.server.config.encoded_headers.append(CLOSE)
    served.server.server_state.default_headers = [
        *served.server.server_state.default_headers,
        CLOSE,
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(raw)
    status, headers, _ = await _answer(reader)

    assert (status, headers["connection"]) == (200, "close")
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def test_a_caller_who_reads_no_answers_is_not_answered_for_ever(served):
    raw = _request(served)
    await _asked(served, raw)
    with socket.create_connection(("127.0.0.1", served.port)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(20_000):
                loop = asyncio.get_running_loop()
                await asyncio.wait_for(loop.sock_sendall(deaf, raw), 0.5)
            pytest.fail("the service took all that was sent")
    assert served.service.repeats.hits < 15_000


async def test_a_repeat_over_http_1_0_is_the_last_of_its_connection(served):
    raw = _request(served).replace(b"HTTP/1.1", b"HTTP/1.0")
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(raw)
        assert (await _answer(reader))[0] == 200
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
    assert served.service.repeats.hits == 0
