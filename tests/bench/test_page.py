"""docs/performance.md holds the figures of one run, and no others."""

import pytest

from bench.page import BEGIN, END, PAGE, RESULTS, rendered, renewed
from bench.results import WHEN_BUSY, load
from tests.bench.measured import results


def test_the_page_says_what_the_kept_results_say():
    text = PAGE.read_text(encoding="utf-8")

    assert renewed(text, load(RESULTS)) == text


def test_old_results_are_replaced_and_the_rest_is_kept():
    old = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    new = renewed(old, results())

    assert new == f"before\n{BEGIN}\n\n{rendered(results())}\n{END}\nafter\n"


def test_a_page_without_a_place_for_results_is_refused():
    with pytest.raises(ValueError, match="no place"):
        renewed("before", results())


def test_a_busy_machine_is_told_of():
    busy = results()
    busy.about["load before"] = "3.0"

    assert WHEN_BUSY in rendered(busy)
    assert WHEN_BUSY not in rendered(results())


def test_results_begin_with_the_picture_and_the_goals_and_end_with_the_cost():
    text = rendered(results())
    titles = [line for line in text.splitlines() if line.startswith("### ")]

    assert text.startswith("![")
    assert titles == [
        "### Goals",
        "### Peers",
        "### Endpoints",
        "### Client",
        "### Memory",
        "### Cost model",
    ]
