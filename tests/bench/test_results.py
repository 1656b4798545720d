"""Results are kept as JSON, and looked up by part, row and column."""

from bench.results import load
from tests.bench.measured import results


def test_saved_results_are_the_same_when_they_are_read(tmp_path):
    results().save(tmp_path / "results.json")

    assert load(tmp_path / "results.json") == results()


def test_a_figure_is_found_by_part_row_and_column():
    assert results().value("peers", "oidc-provider, ES256", "per second") == 2_000.0


def test_what_failed_or_was_not_measured_has_no_figure():
    measured = results()

    assert measured.value("peers", "Authlib + Flask, opaque", "per second") is None
    assert measured.value("peers", "nobody", "per second") is None
    assert measured.value("peers", "oidc-provider, ES256", "nothing") is None
    assert measured.value("growth", "10", "p50 µs") is None
