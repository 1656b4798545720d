import asyncio
import os
import threading
import time
from concurrent.futures import Future

import pytest

from tokenbooth.remote.flight import SingleFlight


def test_everybody_who_asks_meanwhile_shares_one_run() -> None:
    flight: SingleFlight[int] = SingleFlight()
    may_end, runs = threading.Event(), []

    def work() -> int:
        runs.append(1)
        may_end.wait(5)
        return 7

    futures = [flight.join("key", work) for _ in range(50)]
    may_end.set()
    assert [each.result(5) for each in futures] == [7] * 50
    assert len(runs) == 1


def test_different_keys_run_side_by_side() -> None:
    flight: SingleFlight[int] = SingleFlight()
    both = threading.Barrier(2)
    futures = [flight.join(key, lambda: both.wait(5)) for key in ("a", "b")]
    assert sorted(each.result(5) for each in futures) == [0, 1]


def test_more_keys_than_threads_wait_their_turn() -> None:
    flight: SingleFlight[int] = SingleFlight(threads=2)
    futures = [flight.join(key, lambda key=key: key * 2) for key in range(50)]
    assert [each.result(5) for each in futures] == [key * 2 for key in range(50)]
    assert sum(t.name == "tokenbooth-fetch" for t in threading.enumerate()) >= 1


def test_runs_again_once_the_first_run_is_over() -> None:
    flight: SingleFlight[int] = SingleFlight()
    results = iter([1, 2])
    assert flight.join("key", lambda: next(results)).result(5) == 1
    assert flight.join("key", lambda: next(results)).result(5) == 2


def test_hands_a_failure_to_every_waiter() -> None:
    flight: SingleFlight[int] = SingleFlight()
    may_end = threading.Event()

    def work() -> int:
        may_end.wait(5)
        raise LookupError("gone")

    futures = [flight.join("key", work) for _ in range(3)]
    may_end.set()
    for each in futures:
        with pytest.raises(LookupError):
            each.result(5)


def test_a_cancelled_waiter_takes_nothing_away_from_the_others() -> None:
    flight: SingleFlight[int] = SingleFlight()
    may_end = threading.Event()

    def work() -> int:
        may_end.wait(5)
        return 7

    async def scene() -> int:
        impatient = asyncio.ensure_future(asyncio.wrap_future(flight.join("key", work)))
        patient = asyncio.wrap_future(flight.join("key", work))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        may_end.set()
        return await patient

    assert asyncio.run(scene()) == 7


def test_outlives_the_event_loop_that_started_it() -> None:
    flight: SingleFlight[int] = SingleFlight()
    may_end = threading.Event()

    def work() -> int:
        may_end.wait(5)
        return 7

    async def start() -> Future[int]:
        return flight.join("key", work)

    future = asyncio.run(start())

    async def follow() -> int:
        later = asyncio.wrap_future(flight.join("key", work))
        may_end.set()
        return await later

    assert asyncio.run(follow()) == 7
    assert future.result(5) == 7


def test_a_child_forked_in_mid_flight_runs_work_of_its_own() -> None:
    flight: SingleFlight[int] = SingleFlight()
    may_end = threading.Event()
    parents = flight.join("key", lambda: may_end.wait(5) and 1)
    child = os.fork()
    if child == 0:
        os._exit(flight.join("key", lambda: 42).result(5))
    _, status = os.waitpid(child, 0)
    may_end.set()
    assert os.waitstatus_to_exitcode(status) == 42
    assert parents.result(5) == 1


def test_does_not_hold_up_the_end_of_the_program() -> None:
    flight: SingleFlight[None] = SingleFlight()
    flight.join("key", lambda: time.sleep(0.2))
    worker = next(t for t in threading.enumerate() if t.name == "tokenbooth-fetch")
    assert worker.daemon


def test_works_in_the_callers_thread_where_no_other_can_be_started(monkeypatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    flight: SingleFlight[int] = SingleFlight()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert flight.join("key", threading.get_ident).result(0) == threading.get_ident()
    assert not flight.under_way("key")


def test_idle_threads_end(monkeypatch) -> None:
    monkeypatch.setattr("tokenbooth.remote.flight._IDLE_SECONDS", 0.01)
    flight: SingleFlight[object] = SingleFlight()
    worker = flight.join("key", threading.current_thread).result(5)
    worker.join(5)
    assert not worker.is_alive()
    assert flight.join("key", lambda: 7).result(5) == 7
