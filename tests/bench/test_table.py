"""Figures are kept as measured, and written with as many digits as they are worth."""

import pytest

from bench.table import Table, number, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12_345.6, "12,346"),
        (100.0, "100"),
        (99.94, "99.9"),
        (9.999, "10.00"),
        (0.117, "0.12"),
        (1, "1"),
    ],
)
def test_a_figure_has_three_digits_that_count(value, text):
    assert number(value) == text


def test_what_was_not_measured_is_no_zero():
    assert written(None) == "–"


def test_a_short_row_is_filled_up():
    table = Table(title="t", columns=("what", "a", "b"))
    table.add("one", 1.5)

    assert table.rows == [("one", 1.5, None)]


def test_markdown_aligns_figures_to_the_right_and_ends_with_the_note():
    table = Table(title="t", columns=("what", "a"), note="So it is.")
    table.add("one", 1.5)

    assert table.markdown() == "| what | a |\n| --- | ---: |\n| one | 1.50 |\n\nSo it is.\n"
