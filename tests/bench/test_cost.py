"""The cost model follows from the measured figures by arithmetic alone."""

from bench.cost import table
from bench.results import Results
from tests.bench.measured import results

ROWS = {row[0]: row[1] for row in table(results()).rows}


def test_tokens_of_a_core_are_its_seconds_by_the_time_of_one():
    assert ROWS["ES256 tokens a second and core"] == 20_000.0


def test_hourly_tokens_serve_as_many_clients_as_an_hour_has_tokens():
    assert ROWS["clients with an hourly token, per core"] == 72_000_000.0


def test_calls_of_a_day_count_what_a_token_is_used_for():
    # 20,000 a second × 4 cores × one half × 86,400 seconds
    assert ROWS["API calls a day and node: a token for every call"] == "3.5 billion"
    assert ROWS["API calls a day and node: a call a minute with an hourly token"] == "207.4 billion"


def test_memory_of_the_default_follows_from_one_client():
    assert round(ROWS["MB for 100,000 clients, the default at most"]) == 381


def test_what_was_not_measured_is_left_out():
    assert "refreshes a second, one worker on the clock" not in ROWS
    assert table(Results()).rows == []
