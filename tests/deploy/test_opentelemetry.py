"""The example for traces names variables that there are, and the service takes what it sets."""

import pytest
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk import environment_variables as sdk

from tests.deploy.shipped import DEPLOY
from tokenbooth.server.settings import PREFIX, Settings

KNOWN = {OTEL_TRACES_EXPORTER} | {name for name in vars(sdk) if name.startswith("OTEL_")}


@pytest.fixture
def given():
    text = (DEPLOY / "opentelemetry" / "tokenbooth.env").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_service_takes_what_is_set(given):
    settings = Settings.load({k: v for k, v in given.items() if k.startswith(PREFIX)})
    assert (settings.traces, settings.log_sample) == ("on", 0.01)


def test_the_other_variables_are_those_of_opentelemetry(given):
    others = {name for name in given if not name.startswith(PREFIX)}
    assert others
    assert others <= KNOWN
