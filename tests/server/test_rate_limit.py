"""Failure budgets as numbers: what fits in, when it comes back, what is forgotten."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.clock import TravelClock
from tokenbooth.server.rate_limit import FailureBudgets, Meter, network_of
from tokenbooth.server.settings import Settings

ADA = ("default", "ada", "192.0.2.7")


def budgets(clock, *, per_client=3, per_source=100, window=60.0, capacity=1000):
    return FailureBudgets(
        per_client=per_client,
        per_source=per_source,
        window=window,
        clock=clock,
        capacity=capacity,
    )


def fail(found, times, who=ADA):
    for _ in range(times):
        found.note(*who)


def test_a_budget_is_used_up_by_its_last_failure():
    found = budgets(TravelClock())

    fail(found, 2)
    assert found.spent(*ADA) is None
    fail(found, 1)
    spent = found.spent(*ADA)

    assert (spent.budget, spent.seconds) == ("client", 20)


def test_one_failure_comes_back_when_the_wait_is_over():
    clock = TravelClock()
    found = budgets(clock)
    fail(found, 3)

    clock.travel(19)
    assert found.spent(*ADA).seconds == 1
    clock.travel(1)
    assert found.spent(*ADA) is None
    fail(found, 1)
    assert found.spent(*ADA).seconds == 20


def test_nobody_elses_budget_is_touched():
    found = budgets(TravelClock())
    fail(found, 3)

    assert found.spent("default", "ada", "192.0.2.8") is None
    assert found.spent("default", "bob", "192.0.2.7") is None
    assert found.spent("sandbox", "ada", "192.0.2.7") is None


def test_a_source_that_tries_many_clients_uses_up_its_own_budget():
    found = budgets(TravelClock(), per_source=10)
    for number in range(10):
        found.note("default", f"guess{number}", "192.0.2.7")

    assert found.spent("default", "never-tried", "192.0.2.7").budget == "source"
    assert found.spent("default", "never-tried", "192.0.2.8") is None


def test_failures_beyond_the_budget_do_not_lengthen_the_wait():
    found = budgets(TravelClock())
    fail(found, 30)

    assert found.spent(*ADA).seconds == 20


def test_all_is_forgotten_after_a_quiet_window():
    clock = TravelClock()
    found = budgets(clock)
    fail(found, 3)

    clock.travel(60)

    assert found.spent(*ADA) is None
    assert len(found._by_client) == len(found._by_source) == 0


def test_setting_the_wall_clock_gives_no_new_budget():
    clock = TravelClock()
    found = budgets(clock)
    fail(found, 3)

    clock.step(86_400)

    assert found.spent(*ADA).seconds == 20


def test_memory_is_bounded_and_the_quietest_is_forgotten_first():
    found = budgets(TravelClock(), capacity=10)
    fail(found, 3)
    for number in range(9):
        found.note("default", f"guess{number}", f"198.51.100.{number}")
    assert found.spent(*ADA) is not None

    found.note("default", "guess", "198.51.100.99")

    assert len(found._by_client) == 10
    assert found.spent(*ADA) is None


def test_a_limit_of_zero_is_none():
    found = budgets(TravelClock(), per_client=0, per_source=0)
    fail(found, 1000)

    assert found.spent(*ADA) is None


def test_who_has_no_address_is_never_slowed():
    found = budgets(TravelClock())
    nobody = ("default", "ada", "unknown")
    fail(found, 1000, nobody)

    assert found.spent(*nobody) is None
    assert found.spent(*ADA) is None


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("unknown", None),
        ("", None),
        ("192.0.2.7.1", None),
    ],
)
def test_a_source_stands_for_its_network(source, network):
    assert network_of(source) == network


def test_the_processes_of_a_service_share_the_budget():
    clock = TravelClock()
    settings = Settings(workers=4, failures_per_client=20, failures_per_source=2)
    found = FailureBudgets.of(settings, clock)

    found.note(*ADA)
    assert found.spent(*ADA).budget == "source"  # never less than one each

    found = FailureBudgets.of(Settings(workers=4, failures_per_source=0), clock)
    fail(found, 4)
    assert found.spent(*ADA) is None
    fail(found, 1)
    assert found.spent(*ADA).budget == "client"


@given(
    limit=st.integers(1, 50),
    window=st.floats(1, 3600),
    pauses=st.lists(st.floats(0, 100), max_size=100),
)
def test_no_more_pass_than_the_limit_and_what_came_back_since(limit, window, pauses):
    meter, now, passed = Meter(limit=limit, window=window), 1000.0, 0
    for pause in pauses:
        now += pause
        wait = meter.wait(1, now)
        assert 0 <= wait <= window / limit + 1e-6
        if wait == 0:
            meter.note(1, now)
            passed += 1
    assert passed <= limit + math.ceil(limit * (now - 1000.0) / window + 1e-6)


def four_workers(clock):
    return FailureBudgets(per_client=20, per_source=300, window=300, clock=clock, workers=4)


def test_alone_each_of_four_workers_has_a_fourth():
    found = four_workers(TravelClock())

    fail(found, 4)
    assert found.spent(*ADA) is None
    fail(found, 1)
    assert found.spent(*ADA).seconds == 60


def test_together_the_budget_is_whole():
    found = four_workers(TravelClock())
    found.count_together()

    fail(found, 19)
    assert found.spent(*ADA) is None
    fail(found, 1)
    assert found.spent(*ADA).seconds == 15


def test_what_was_counted_together_is_not_given_anew_alone():
    found = four_workers(TravelClock())
    found.count_together()
    fail(found, 18)
    found.count_alone()

    assert found.spent(*ADA) is not None


def test_with_more_workers_than_failures_each_allows_one():
    found = FailureBudgets(per_client=2, per_source=2, window=60, clock=TravelClock(), workers=8)
    assert found.spent(*ADA) is None
    fail(found, 1)

    assert found.spent(*ADA) is not None


def test_what_others_saw_counts_from_when_they_saw_it():
    clock = TravelClock()
    found = budgets(clock)
    for _ in range(3):
        found.heard(*ADA, age=15)
    assert found.spent(*ADA).seconds == 5

    clock.travel(5)
    assert found.spent(*ADA) is None


def test_what_others_saw_long_ago_counts_nothing():
    found = budgets(TravelClock())
    for _ in range(3):
        found.heard(*ADA, age=60)

    assert found.spent(*ADA) is None


def test_every_failure_that_counts_is_told():
    told = []
    found = budgets(TravelClock())
    found.on_failure = lambda *failure: told.append(failure)
    found.note("default", "ada", "192.0.2.7")
    found.note("default", "ada", "2001:db8::1")
    found.note("default", "ada", "unknown")  # without an address, nobody is counted

    assert told == [("default", "ada", "192.0.2.7"), ("default", "ada", "2001:db8::/64")]


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud800", "ädä", ""])
def test_whatever_a_name_is_it_counts_and_is_told_in_few_characters(name):
    told = []
    found = budgets(TravelClock())
    found.on_failure = lambda *failure: told.append(failure)
    fail(found, 3, ("default", name, "192.0.2.7"))

    assert found.spent("default", name, "192.0.2.7") is not None
    assert found.spent("default", f"{name}y", "192.0.2.7") is None
    assert len(told[0][1].encode()) <= 64
