"""docs/scale.md and its picture are what `python -m bench.scale` makes, and the fleets behave."""

import json
import subprocess
import sys

import pytest

from bench import scale
from bench.scale_picture import draw
from bench.simulation import BY_HAND, SPREAD, TOKEN_SOURCE, Habits, Scene, simulate
from bench.simulation_regions import MAX_LAG_SECONDS, Region
from bench.simulation_regions import simulate as notice
from tokenbooth.client.cache import margin
from tokenbooth.client.pacing import Pacing

FIGURES = scale.Figures.load()


@pytest.mark.parametrize("page", scale.PAGES, ids=lambda page: page.name)
def test_the_page_has_the_tables_that_the_program_makes(page):
    assert scale.in_page(page, FIGURES) == page.read_text("utf-8")


def test_the_picture_is_the_one_that_the_program_draws():
    assert scale.PICTURE.read_text("utf-8") == draw(FIGURES.token_us)


def test_figures_of_a_run_are_taken_over_and_the_others_stay(tmp_path):
    run = {
        "about": {"processor": "Some CPU", "python": "CPython 3.11", "date": "2026-11-22"},
        "parts": {
            "endpoints": {
                "columns": ["endpoint", "calm CPU µs"],
                "rows": [["token, ES256", 40.0], ["token, opaque", None], ["token, RS256", 251]],
            },
            "growth": {
                "columns": ["registered", "calm CPU µs"],
                "rows": [["10", 40.0], ["1,000,000", 52.5]],
            },
        },
    }
    (tmp_path / "run.json").write_text(json.dumps(run))

    printed = subprocess.run(
        [sys.executable, "-m", "bench.scale", "--figures", tmp_path / "run.json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=scale.FIGURES.parents[1],
    ).stdout

    assert "| an ES256 token | 52.5 µs of CPU |" in printed
    assert "| an RS256 token | 251 µs |" in printed
    assert f"| an opaque token | {FIGURES.opaque_us:g} µs |" in printed


def test_a_load_needs_what_its_figures_say():
    load = scale.Load(calls=864_000_000, calls_a_token=10)
    figures = scale.replace(FIGURES, token_us=100, feed_us=0)
    assert load.peak_calls == 30_000
    assert load.peak_tokens == 3_000
    assert load.cores(figures) == pytest.approx(0.3)
    assert scale.Load(calls=864_000_000, calls_a_token=0.1).nodes(figures) == 15


def scene(**changes):
    usual = {"clients": 50_000, "simulated": 2_000, "seconds": 9_000, "capacity": lambda _: 5_000.0}
    return Scene(**usual | changes)


def test_the_same_seed_gives_the_same_run():
    assert simulate(scene(), SPREAD).asked == simulate(scene(), SPREAD).asked
    assert simulate(scene(), SPREAD).asked != simulate(scene(), SPREAD, seed=2).asked


def test_a_fleet_asks_for_one_token_a_lifetime_and_client():
    run = simulate(scene(), TOKEN_SOURCE)
    assert sum(run.asked[3600:7140]) == pytest.approx(50_000, rel=0.02)
    assert run.turned_away == run.without_token == 0


def test_nobody_goes_without_a_token_in_an_outage_that_is_shorter_than_the_margin():
    away = scene(capacity=lambda now: 0.0 if 5_000 <= now < 5_040 else 5_000.0)
    by_hand, ahead = (simulate(away, habits).without_token for habits in (BY_HAND, SPREAD))
    assert by_hand > 5_000
    assert ahead == 0


def test_a_spread_flattens_what_started_together():
    together = scene(starts_within=5.0)
    as_one, apart = (simulate(together, habits) for habits in (TOKEN_SOURCE, SPREAD))
    assert apart.peak(3_000, 4_000) < as_one.peak(3_000, 4_000) / 5


def test_the_simulated_client_is_the_one_of_the_library():
    usual, pacing = Habits(name="usual"), Pacing()
    assert usual.margin == margin(3600)
    assert pacing.spread == usual.spread
    assert (pacing.after_failure, pacing.longest_pause) == (1.0, 60.0)


def test_guards_know_within_a_look_and_the_way_and_stop_in_a_long_cut():
    near = notice(Region(name="near", away=0.001))
    cut = notice(Region(name="cut", away=0.09, cut=300.0))
    assert near.last < 1.1
    assert near.closed == 0
    assert cut.last <= MAX_LAG_SECONDS
    assert cut.closed == 2000
