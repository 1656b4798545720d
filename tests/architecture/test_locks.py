"""The lock files hold every dependency, by name and hash, and no address."""

import json
import re
import tomllib
from itertools import chain

import pytest

from tests.architecture.sources import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NODE = ROOT / "tests" / "interop" / "node"
PEERS = ROOT / "bench" / "peers"
LOCKS = [
    *sorted((ROOT / "requirements").iterdir()),
    NODE / "package-lock.json",
    PEERS / "package-lock.json",
    PEERS / "requirements.lock",
]
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / "requirements" / name).read_text(encoding="utf-8")))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in requirements}


def test_the_run_lock_holds_what_the_service_needs() -> None:
    project = PROJECT["project"]

    needed = names(project["dependencies"] + project["optional-dependencies"]["server"])

    assert needed - pins("run.lock").keys() == set()


def test_the_development_lock_holds_every_extra_and_tool() -> None:
    extras = chain.from_iterable(PROJECT["project"]["optional-dependencies"].values())
    groups = PROJECT["dependency-groups"]
    tools = [tool for tool in groups["dev"] + groups["build"] if isinstance(tool, str)]

    needed = names([*extras, *tools])

    assert needed - pins("dev.lock").keys() == set()


def test_the_development_lock_repeats_the_run_lock() -> None:
    development = pins("dev.lock")

    other = {name: pin for name, pin in pins("run.lock").items() if development.get(name) != pin}

    assert other == {}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_lock_names_no_address(lock) -> None:
    text = lock.read_text(encoding="utf-8")

    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|file:", text) == []


@pytest.mark.parametrize("folder", [NODE, PEERS], ids=lambda path: path.name)
def test_the_lock_of_npm_holds_the_named_versions_by_hash(folder) -> None:
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    pinned = {name: locked[f"node_modules/{name}"]["version"] for name in wanted}
    unhashed = [name for name, package in locked.items() if name and not package.get("integrity")]

    assert pinned == wanted
    assert unhashed == []
