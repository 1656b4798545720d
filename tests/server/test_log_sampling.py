"""Ordinary lines can be left out of the log; what somebody may have to look into never is."""

import json

import pytest

from tests.server.booths import running
from tokenbooth.server.log_sampling import SLOW_SECONDS, LogSampling
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.settings import Settings, SettingsRefused


def outcome(result, **fields):
    made = Outcome("192.0.2.1")
    made.answered(result, **fields)
    return made


def kept(sampling, result, seconds=0.001, times=100, **fields):
    return sum(sampling.keeps(outcome(result, **fields), seconds) for _ in range(times))


def test_keeps_a_share_and_says_how_many_it_left_out():
    chances = iter([n / 100 for n in range(100)])
    sampling = LogSampling(0.1, lambda: next(chances))
    assert kept(sampling, "issued") == 10
    assert sampling.take_left_out() == 90
    assert sampling.take_left_out() == 0


def test_a_kept_line_says_of_how_many_it_is_one():
    line = outcome("issued")
    assert LogSampling(0.25, lambda: 0.0).keeps(line, 0.001)
    assert line.fields["sampled"] == 0.25


@pytest.mark.parametrize(
    "result", ["refused", "revoked", "registered", "updated", "deleted", "client_gone", "read"]
)
def test_keeps_refusals_and_changes(result):
    sampling = LogSampling(0.0)
    assert kept(sampling, result) == 100
    assert sampling.take_left_out() == 0


def test_keeps_what_was_slow_and_what_a_limit_would_have_refused():
    sampling = LogSampling(0.0)
    assert kept(sampling, "issued", seconds=SLOW_SECONDS) == 100
    assert kept(sampling, "issued", observed=["quota_used_up"]) == 100
    assert kept(sampling, "issued") == 0


@pytest.mark.parametrize("share", [-0.1, 1.1, "nan"])
def test_refuses_what_is_no_share(share):
    with pytest.raises(SettingsRefused, match="TOKENBOOTH_LOG_SAMPLE: a share from 0 to 1"):
        Settings.load({"TOKENBOOTH_LOG_SAMPLE": str(share)})


async def test_the_service_tells_at_its_end_how_many_lines_it_left_out(settings, clock, log, capfd):
    from dataclasses import replace

    async with running(replace(settings, log_sample=0.0), clock) as town:
        for _ in range(3):
            await town.http.get("/.well-known/jwks.json")
        await town.ask("/oauth2/token", grant_type="client_credentials")
    lines = [json.loads(line) for line in (capfd.readouterr().err + log()).splitlines()]
    assert [line["event"] for line in lines if "endpoint" in line] == ["refused"]
    (told,) = [line for line in lines if line["event"] == "lines_left_out"]
    assert (told["lines"], told["share"]) == (3, 0.0)
