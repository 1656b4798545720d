"""What is gathered in memory: written at once, or spread over a minute when it is much."""

import pytest

from tokenbooth.server.write_pace import rows_now


@pytest.mark.parametrize(
    ("waiting", "rows"), [(0, 100), (1, 100), (6_000, 100), (12_000, 200), (1_000_000, 1000)]
)
def test_few_are_written_at_once_and_many_within_a_minute(waiting, rows):
    assert rows_now(waiting, most=1000) == rows


def test_never_more_than_one_write_may_hold():
    assert rows_now(100_000, most=2) == 2
