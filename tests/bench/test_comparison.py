"""A peer that cannot be had is named as such, and the others are measured all the same."""

import sys
from contextlib import contextmanager

import pytest
from rich.console import Console

from bench.comparison import OURS, run, setups
from bench.peers.peer import Peer
from bench.progress import Progress
from bench.rounds import Pace

PEER = Peer(
    name="nobody", package="npm:nobody-has-this", setup="none", start=lambda _folder: gone()
)


@contextmanager
def gone():
    raise OSError("nobody is at home")
    yield []


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    progress = Progress(console=Console(file=sys.stderr, quiet=True), part="test")
    pace = Pace(rounds=1, seconds=0.05, connections=2)
    return run(tmp_path_factory.mktemp("bench"), pace, progress, peers=(PEER,))


def test_a_peer_that_is_not_there_has_no_figure_and_a_reason(table):
    assert [row[1:3] for row in table.rows if row[0] == "nobody"] == [("failed", None)]
    assert "nobody failed: OSError: nobody is at home." in table.note


def test_ours_is_measured_all_the_same(table):
    measured = {row[0]: row[1] for row in table.rows}

    assert measured[f"{OURS}, ES256"] > 0
    assert measured[f"{OURS}, opaque"] > 0


def test_the_setups_say_what_is_not_installed():
    assert setups((PEER,)).rows == [("nobody", "nobody-has-this is not installed", "none")]
