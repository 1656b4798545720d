"""Each goal is reached or not by what was measured, never by what was not."""

import pytest

from bench.goals import Goal, goals, table
from bench.results import Results
from tests.bench.measured import results

PEER = "ES256 tokens beside {}"


def found(what):
    return next(goal for goal in goals(results()) if goal.what.startswith(what))


@pytest.mark.parametrize(
    ("what", "text", "reached"),
    [
        ("ES256 tokens, share of the limit", "0.65", True),
        (PEER.format("oidc-provider, ES256"), "8.00 ×", True),
        (PEER.format("Authlib + Flask, ES256"), "40.0 ×", True),
        (PEER.format("Authlib + Flask, opaque"), "–", None),
        ("opaque tokens", "1.70 ×", False),
        ("client, token at hand", "0.18 µs", True),
        ("memory with room", "1.40 ×", False),
        ("idle worker", "–", None),
    ],
)
def test_a_goal_is_judged_by_the_figures(what, text, reached):
    goal = found(what)

    assert (goal.found, goal.reached) == (text, reached)


def test_every_measured_variant_of_django_oauth_toolkit_has_its_goal():
    assert found(PEER.format("django-oauth-toolkit, SQLite")).measured == 32_000.0


@pytest.mark.parametrize(("measured", "reached"), [(1.5, True), (1.51, False)])
def test_an_upper_bound_itself_is_within_it(measured, reached):
    assert Goal(what="w", bound=1.5, measured=measured, at_most=True).reached is reached


def test_without_any_figure_no_goal_is_reached_or_missed():
    assert {goal.reached for goal in goals(Results())} == {None}


def test_the_table_says_plainly_what_was_not_reached():
    rows = {row[0]: row[3] for row in table(results()).rows}

    assert set(rows.values()) == {"yes", "**no**", "not measured"}
