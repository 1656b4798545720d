import asyncio
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client.conftest import TOKEN_PATH
from tests.remote.local_server import Reply, as_json
from tokenbooth.client import (
    ConfigurationRefused,
    Pacing,
    Secret,
    SecretUnavailable,
    TokenEndpointDown,
    TokenRequestRefused,
    TokenSource,
)


def test_hands_out_a_token_with_its_end_and_scope(make, clock) -> None:
    token = make(scope="persons:read").token()
    assert token.access_token == "token-1"
    assert token.authorization == "Bearer token-1"
    assert token.expires_at == clock.now() + 3600
    assert str(token.scope) == "persons:read"


def test_keeps_the_token_until_sixty_seconds_before_its_end(make, clock, asked) -> None:
    source = make()
    for _ in range(10):
        source.token()
    clock.travel(3539)
    assert source.token().access_token == "token-1"
    clock.travel(2)
    assert source.token().access_token == "token-2"
    assert len(asked()) == 2


@pytest.mark.parametrize(("lifetime", "kept"), [(30, 23.9), ("300", 239.9), (5, 3.9), (1800, 1739)])
def test_a_short_lived_token_is_kept_for_four_fifths_of_its_life(
    make, clock, numbered, lifetime, kept
) -> None:
    numbered(expires_in=lifetime)
    source = make()
    source.token()
    clock.travel(kept)
    assert source.token().access_token == "token-1"
    clock.travel(1.2)
    assert source.token().access_token == "token-2"


@pytest.mark.parametrize("lifetime", [0, -1, "-5", 0.01])
def test_an_expired_token_from_the_server_causes_no_loop(
    make, clock, asked, numbered, lifetime
) -> None:
    numbered(expires_in=lifetime)
    source = make()
    for _ in range(100):
        assert source.token().access_token == "token-1"
    assert len(asked()) == 1
    clock.travel(6)
    assert source.token().access_token == "token-2"


def test_a_server_that_hands_out_the_same_ageing_token_causes_no_loop(
    make, clock, server, asked
) -> None:
    end = clock.monotonic() + 100

    def answer(seen):
        return as_json({"access_token": "same", "expires_in": end - clock.monotonic()})

    server.on(TOKEN_PATH, answer)
    source = make()
    for _ in range(1000):
        source.token()
        clock.travel(0.1)
    assert len(asked()) < 8


def test_a_set_wall_clock_changes_nothing(make, clock, asked) -> None:
    source = make()
    source.token()
    clock.step(1_000_000)
    source.token()
    clock.step(-2_000_000)
    source.token()
    assert len(asked()) == 1


def test_a_hundred_threads_and_a_hundred_tasks_cause_one_request(server, make, asked) -> None:
    server.on(TOKEN_PATH, as_json({"access_token": "t", "expires_in": 3600}))
    inner = server.answers[TOKEN_PATH]
    server.on(TOKEN_PATH, lambda seen: time.sleep(0.2) or inner(seen))
    source = make()
    start = threading.Barrier(102)

    async def many() -> list[str]:
        tokens = await asyncio.gather(*(source.atoken() for _ in range(50)))
        return [token.access_token for token in tokens]

    def loop() -> list[str]:
        start.wait(10)
        return asyncio.run(many())

    def thread() -> list[str]:
        start.wait(10)
        return [source.token().access_token]

    with ThreadPoolExecutor(102) as pool:
        futures = [pool.submit(loop) for _ in range(2)]
        futures += [pool.submit(thread) for _ in range(100)]
        got = [text for future in futures for text in future.result(20)]
    assert got == ["t"] * 200
    assert len(asked()) == 1


async def test_the_event_loop_goes_on_while_a_token_is_fetched(server, make) -> None:
    server.on(TOKEN_PATH, Reply(body=b'{"access_token": "t"}', delay=0.3))
    source = make()
    waiting = asyncio.ensure_future(source.atoken())
    longest, before = 0.0, time.perf_counter()
    while not waiting.done():
        await asyncio.sleep(0.005)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    assert (await waiting).access_token == "t"
    assert longest < 0.15


async def test_a_cancelled_task_takes_nothing_away_from_the_others(server, make, asked) -> None:
    server.on(TOKEN_PATH, Reply(body=b'{"access_token": "t"}', delay=0.2))
    source = make()
    impatient = asyncio.ensure_future(source.atoken())
    patient = asyncio.ensure_future(source.atoken())
    await asyncio.sleep(0.05)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert (await patient).access_token == "t"
    assert len(asked()) == 1


def test_one_source_serves_event_loops_one_after_the_other(make, asked, clock) -> None:
    source = make()
    for number in (1, 2, 3):
        assert asyncio.run(source.atoken()).access_token == f"token-{number}"
        clock.travel(4000)


def test_a_forked_child_fetches_for_itself_and_leaves_the_refresh_token_alone(
    make, numbered, clock, asked
) -> None:
    numbered(refresh_token="r")
    source = make()
    source.token()
    clock.travel(4000)
    child = os.fork()
    if child == 0:
        os._exit(0 if source.token().access_token == "token-2" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asked()[1].form["grant_type"] == ["client_credentials"]
    assert source.token().access_token == "token-3"
    assert asked()[2].form["grant_type"] == ["refresh_token"]


def test_a_spread_renewal_comes_within_its_share_of_the_lifetime(make, clock, asked) -> None:
    source = make(pacing=Pacing(spread=0.5))
    first = source.token().access_token

    clock.travel(3600 / 2 - 60 - 1)  # before the earliest moment
    assert source.token().access_token == first
    clock.travel(3600 / 2 + 2)  # after the latest
    assert source.token().access_token != first


def test_the_old_token_serves_while_renewal_fails(make, clock, server, asked) -> None:
    source = make()
    source.token()
    server.on(TOKEN_PATH, Reply(status=503))
    clock.travel(3550)
    for _ in range(20):
        assert source.token().access_token == "token-1"
    assert len(asked()) == 2
    clock.travel(51)
    with pytest.raises(TokenEndpointDown):
        source.token()


def test_the_old_token_serves_while_renewal_is_refused(make, clock, server, asked) -> None:
    source = make()
    source.token()
    server.on(TOKEN_PATH, as_json({"error": "invalid_client"}, 401))
    clock.travel(3550)
    assert asyncio.run(source.atoken()).access_token == "token-1"
    clock.travel(51)
    with pytest.raises(TokenRequestRefused):
        source.token()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_a_transient_failure_is_tried_again_in_the_same_go(make, server, asked, status) -> None:
    replies = iter([Reply(status=status), as_json({"access_token": "t"})])
    server.on(TOKEN_PATH, lambda seen: next(replies))
    assert make().token().access_token == "t"


def test_tries_are_bounded_and_then_nobody_asks_for_a_while(make, server, asked, clock) -> None:
    server.on(TOKEN_PATH, Reply(status=500))
    source = make()
    for _ in range(50):
        with pytest.raises(TokenEndpointDown, match="Try again later"):
            source.token()
    assert len(asked()) == 3
    clock.travel(1.1)
    with pytest.raises(TokenEndpointDown):
        source.token()
    assert len(asked()) == 6


def test_a_hundred_waiters_of_a_failing_endpoint_each_get_an_error_of_their_own(
    make, server, asked
) -> None:
    server.on(TOKEN_PATH, Reply(status=400, delay=0.1))
    source = make()

    def ask(_: int) -> BaseException | None:
        try:
            source.token()
        except TokenRequestRefused as error:
            return error
        return None

    with ThreadPoolExecutor(50) as pool:
        errors = list(pool.map(ask, range(100)))
    assert len({id(error) for error in errors}) == 100
    assert len(asked()) == 1


def test_honours_retry_after(make, server, asked) -> None:
    moments = []

    def answer(seen):
        moments.append(time.monotonic())
        if len(moments) == 1:
            return Reply(status=429, headers={"Retry-After": "1"})
        return as_json({"access_token": "t"})

    server.on(TOKEN_PATH, answer)
    make().token()
    assert 0.95 < moments[1] - moments[0] < 3


def test_a_retry_after_beyond_the_deadline_fails_at_once_and_is_kept_up_to_a_cap(
    make, server, asked, clock
) -> None:
    server.on(TOKEN_PATH, Reply(status=503, headers={"Retry-After": "86400"}))
    source = make()
    with pytest.raises(TokenEndpointDown) as caught:
        source.token()
    assert caught.value.retry_after == 86400
    clock.travel(59)
    with pytest.raises(TokenEndpointDown):
        source.token()
    assert len(asked()) == 1
    clock.travel(2)
    server.on(TOKEN_PATH, as_json({"access_token": "t"}))
    assert source.token().access_token == "t"


def test_an_unreachable_endpoint_is_a_transient_failure(clock) -> None:
    source = TokenSource(
        token_url="http://127.0.0.1:9/token",
        client_id="a",
        secret=Secret("s"),
        pacing=Pacing(tries=2, first_pause=0.01),
    )
    with pytest.raises(TokenEndpointDown, match="cannot be reached") as caught:
        source.token()
    assert (caught.value.status, caught.value.reason) == (None, "unreachable")


def test_a_permanent_refusal_is_not_tried_again_and_remembered_for_a_while(
    make, server, asked, clock
) -> None:
    body = {"error": "invalid_client", "error_description": "Bad credentials"}
    server.on(TOKEN_PATH, as_json(body, 401))
    source = make()
    for _ in range(10):
        with pytest.raises(TokenRequestRefused) as caught:
            source.token()
    assert len(asked()) == 1
    assert (caught.value.status, caught.value.code) == (401, "invalid_client")
    assert str(caught.value).startswith(
        'Check the client ID, the secret and auth_method (it was "basic"): http://127.0.0.1'
    )
    assert str(caught.value).endswith(
        "/oauth2/token answered 401 invalid_client (Bad credentials)."
    )
    clock.travel(5.1)
    server.on(TOKEN_PATH, as_json({"access_token": "t"}))
    assert source.token().access_token == "t"


def test_never_follows_a_redirect_with_credentials(make, server, asked) -> None:
    server.on(TOKEN_PATH, Reply(status=307, headers={"Location": "/elsewhere"}))
    with pytest.raises(TokenRequestRefused, match="final place"):
        make().token()
    assert [seen.path for seen in server.seen] == [TOKEN_PATH]


def test_a_refresh_token_renews_and_keeps_scope_and_resource(make, numbered, clock, asked) -> None:
    numbered(expires_in=300, refresh_token="r-1", refresh_expires_in=1800)
    source = make(scope="a b", resource="https://api.example.com")
    source.token()
    clock.travel(250)
    assert source.token().access_token == "token-2"
    first, second = (seen.form for seen in asked())
    assert first["grant_type"] == ["client_credentials"]
    assert second["grant_type"] == ["refresh_token"]
    assert second["refresh_token"] == ["r-1"]
    assert second["scope"] == first["scope"] == ["a b"]
    assert second["resource"] == first["resource"] == ["https://api.example.com"]


def test_a_worn_out_refresh_token_falls_back_to_the_credentials(
    make, numbered, clock, server, asked
) -> None:
    numbered(expires_in=300, refresh_token="r")
    granted = server.answers[TOKEN_PATH]
    source = make()
    source.token()

    def answer(seen):
        if seen.form["grant_type"] == ["refresh_token"]:
            return as_json({"error": "invalid_grant"}, 400)
        return granted(seen)

    server.on(TOKEN_PATH, answer)
    clock.travel(301)
    assert source.token().access_token == "token-2"
    assert len(asked()) == 3


def test_an_expired_refresh_token_is_not_sent(make, numbered, clock, asked) -> None:
    numbered(refresh_token="r", refresh_expires_in=1800)
    source = make()
    source.token()
    clock.travel(3600)
    source.token()
    assert asked()[1].form["grant_type"] == ["client_credentials"]


def test_a_dropped_token_is_replaced_and_a_newer_one_is_left_alone(make, asked) -> None:
    source = make()
    first = source.token()
    assert source.drop(first)
    second = source.token()
    assert second.access_token == "token-2"
    assert source.drop(first)
    assert source.token() is second
    assert len(asked()) == 2


def test_drops_are_bounded_where_every_token_is_refused(make, asked, clock) -> None:
    source = make()
    for _ in range(100):
        source.drop(source.token())
    assert len(asked()) == 6
    clock.travel(61)
    assert source.drop(source.token())


def test_a_rotated_secret_is_read_without_a_restart(make, tmp_path, clock, asked) -> None:
    file = tmp_path / "secret"
    file.write_text("old\n")
    source = make(secret=f"file:{file}", auth_method="body")
    source.token()
    file.write_text("new\r\n")
    clock.travel(4000)
    source.token()
    assert [seen.form["client_secret"] for seen in asked()] == [["old"], ["new"]]


def test_a_secret_that_cannot_be_read_says_where_it_should_be(make, asked) -> None:
    with pytest.raises(SecretUnavailable, match="Set the environment variable NO_SUCH_SECRET"):
        make(secret="env:NO_SUCH_SECRET").token()
    assert asked() == []


def test_shows_neither_secret_nor_token(make, server, caplog, clock) -> None:
    caplog.set_level(logging.DEBUG)
    source = make(secret=Secret("hunter2"), auth_method="body")
    server.on(TOKEN_PATH, as_json({"access_token": "opensesame"}))
    token = source.token()
    clock.travel(4000)
    server.on(
        TOKEN_PATH, as_json({"error": "invalid_client", "error_description": "no hunter2"}, 401)
    )
    with pytest.raises(TokenRequestRefused) as caught:
        source.token()
    shown = f"{source!r} {source} {token!r} {token} {caught.value!r} {caplog.text}"
    assert "hunter2" not in shown
    assert "opensesame" not in shown
    assert "client_id='my-app'" in repr(source)


def test_works_as_context_and_after_close(make) -> None:
    with make() as source:
        source.token()
    assert source.token().access_token == "token-1"


async def test_works_as_asynchronous_context(make) -> None:
    async with make() as source:
        assert (await source.atoken()).access_token == "token-1"


@pytest.mark.parametrize(
    ("told", "fix"),
    [
        ({"token_url": None}, "Give the issuer"),
        ({"token_url": "http://auth.example.com/token"}, "Use https"),
        ({"token_url": "https://u:hunter2@a.example/"}, "Take the user name"),
        ({"token_url": "nonsense"}, "absolute https URL"),
        ({"issuer": "https://a.example?x", "token_url": None}, "query"),
        ({"secret": "hunter2"}, "Say where the secret is"),
        ({"secret": "value:hunter2"}, "Say where the secret is"),
        ({"secret": "env:"}, "Say where the secret is"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a\nb"}, "client_id"),
        ({"client_id": "a:b", "auth_method": "basic-raw"}, "colon"),
        ({"auth_method": "guess"}, "Choose auth_method"),
        ({"dialect": "klingon"}, "There is no dialect"),
        ({"scope": "a  b"}, "exactly one space"),
        ({"resource": "not-absolute"}, "resource"),
        ({"resource": "https://a/#f"}, "resource"),
        ({"parameters": {"scope": "x"}}, "Leave scope out"),
        ({"parameters": {"x": "\ud800"}}, "printable"),
    ],
)
def test_refuses_what_cannot_work_and_says_what_can(told, fix) -> None:
    usual = {"client_id": "a", "secret": Secret("s"), "token_url": "https://a.example/token"}
    with pytest.raises(ConfigurationRefused, match=fix) as caught:
        TokenSource(**{**usual, **told})
    assert "hunter2" not in str(caught.value)


def test_plain_http_off_loopback_needs_the_ugly_switch() -> None:
    source = TokenSource(
        client_id="a",
        secret=Secret("s"),
        token_url="http://auth.example.com/token",
        allow_plain_http_for_development=True,
    )
    source.check_target("http://api.example.com/")


def test_a_slow_renewal_keeps_nobody_whose_token_is_still_good(make, clock, server, asked) -> None:
    source = make(pacing=Pacing(soft_wait=0.05))
    source.token()
    server.on(TOKEN_PATH, Reply(body=b'{"access_token": "late"}', delay=0.5))
    clock.travel(3550)
    started = time.monotonic()
    assert source.token().access_token == "token-1"
    assert asyncio.run(source.atoken()).access_token == "token-1"
    assert time.monotonic() - started < 0.45
    clock.travel(51)
    assert source.token().access_token == "late"
    assert len(asked()) == 2


def test_a_secret_put_in_its_place_is_found_at_once(make, monkeypatch) -> None:
    monkeypatch.delenv("LATE_SECRET", raising=False)
    source = make(secret="env:LATE_SECRET")
    with pytest.raises(SecretUnavailable):
        source.token()
    monkeypatch.setenv("LATE_SECRET", "s")
    assert source.token().access_token == "token-1"


def test_a_renewal_that_fails_is_logged_while_the_old_token_serves(
    make, clock, server, caplog
) -> None:
    source = make()
    source.token()
    server.on(TOKEN_PATH, Reply(status=503))
    clock.travel(3550)
    source.token()
    assert "is not renewed: Try again later" in caplog.text
    clock.travel(51)
    caplog.clear()
    with pytest.raises(TokenEndpointDown):
        source.token()
    assert caplog.text == ""
