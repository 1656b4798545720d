"""Every setting that the files of deploy/ name is one, and what they set is accepted."""

from dataclasses import fields

import pytest
import yaml

from tests.deploy.shipped import (
    COMPOSE,
    CONTAINERFILE,
    container_of,
    manifests,
    texts,
    unit,
    variables,
)
from tokenbooth.server.settings import PREFIX, Settings

KNOWN = {PREFIX + setting.name.upper() for setting in fields(Settings)}


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.name)
def test_names_no_setting_that_there_is_not(path):
    assert variables(texts()[path]) <= KNOWN


def of_unit():
    values = [value.partition("=") for value in unit()["Service", "Environment"]]
    return {name: value for name, _, value in values}


def of_image():
    lines = CONTAINERFILE.read_text("utf-8").replace("ENV", "").split()
    return dict(line.split("=", 1) for line in lines if line.startswith(PREFIX))


def of_compose():
    values = yaml.safe_load(COMPOSE.read_text("utf-8"))["x-booth"]["environment"]
    return of_image() | values | {"TOKENBOOTH_DATABASE": "postgresql://u:p@db/booth"}


def of_kubernetes():
    listed = container_of(manifests()["Deployment"])["env"]
    values = {each["name"]: each["value"] for each in listed if "value" in each}
    secret = manifests()["Secret"]["stringData"]["database"]
    return of_image() | values | {"TOKENBOOTH_DATABASE": secret}


@pytest.mark.parametrize("find", [of_unit, of_image, of_compose, of_kubernetes])
def test_the_service_takes_what_is_set(find):
    found = find()
    assert found
    Settings.load(found)


@pytest.mark.parametrize("find", [of_compose, of_kubernetes])
def test_several_nodes_start_on_tables_that_were_migrated_before(find):
    settings = Settings.load(find())
    assert (settings.migrate, settings.host, settings.port) == ("off", "0.0.0.0", 8080)
    assert settings.trusted_proxy
    assert settings.master_key_file
