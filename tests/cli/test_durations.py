from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.cli.durations import parse_duration, spoken

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("24h", 86_400), ("30m", 1800), ("7d", 604_800), ("90s", 90), ("3600", 3600), ("0", 0),
     ("1h30m", 5400), ("1w2d", 777_600)],
)  # fmt: skip
def test_reads_what_people_type(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "-1h", "1.5h", "1h1h", "1 h", "1y", "1H", "1h30", "+1", "٣h", "1h\n"]
)
def test_refuses_what_could_mean_something_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"unit"):
        parse_duration(text)


@given(st.dictionaries(st.sampled_from("wdhms"), st.integers(0, 9_999_999_999), min_size=1))
def test_a_span_is_the_sum_of_its_parts(parts: dict[str, int]) -> None:
    text = "".join(f"{number}{unit}" for unit, number in parts.items())

    assert parse_duration(text) == sum(number * UNITS[unit] for unit, number in parts.items())


@given(st.text())
def test_any_text_is_a_span_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_duration(text) >= 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (1, "1 second"), (59, "59 seconds"), (61, "1 minute 1 second"),
     (3600, "1 hour"), (3601, "1 hour"), (90_000, "1 day 1 hour"), (86_400 * 2, "2 days")],
)  # fmt: skip
def test_speaks_of_the_two_largest_units(seconds: int, words: str) -> None:
    assert spoken(seconds) == words
