"""Access is asked for and decided on the command line."""

from typing import Any

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def asked(persons: Command) -> dict[str, Any]:
    persons("apis", "create", "free", "--audience", "https://f.example", "--scopes", "f")
    persons("accounts", "create", "acme")
    persons("clients", "create", "--id", "app", "--api", "free", "--account", "acme")
    made = persons("requests", "create", "app", "--api", "persons", "--reason", "why", "--json")
    assert made.code == 0, made.err
    return made.data  # type: ignore[no-any-return]  # JSON


def test_a_request_is_listed_shown_and_approved_in_part(
    persons: Command, asked: dict[str, Any]
) -> None:
    (listed,) = persons("requests", "list", "--status", "pending", "--json").data
    shown = persons("requests", "show", asked["id"], "--json").data
    approved = persons("requests", "approve", asked["id"], "--scope", "persons:read", "--json")
    client = persons("clients", "show", "app", "--json").data

    assert listed == shown == asked
    assert approved.data["status"] == "approved"
    assert {"api": "persons", "scopes": ["persons:read"]} in client["access"]
    assert persons("requests", "approve", asked["id"]).code == 7


@pytest.mark.parametrize(
    ("command", "status"),
    [(("refuse", "--reason", "No."), "refused"), (("withdraw",), "withdrawn")],
)
def test_a_request_is_refused_or_withdrawn(
    persons: Command, asked: dict[str, Any], command: tuple[str, ...], status: str
) -> None:
    name, *options = command

    decided = persons("requests", name, asked["id"], *options, "--json")

    assert decided.data["status"] == status
    assert persons("requests", "list", "--status", "pending", "--json").data == []


def test_a_request_that_is_not_there_is_told(persons: Command) -> None:
    assert persons("requests", "show", "none").code == 6
    assert "Nobody asks for anything" in persons("requests", "list").err


def test_what_is_made_says_what_to_do_next(persons: Command) -> None:
    api = persons("apis", "create", "free", "--audience", "https://f.example", "--scopes", "f")
    persons("accounts", "create", "acme")
    persons("clients", "create", "--id", "app", "--api", "free", "--account", "acme")
    asked = persons("requests", "create", "app", "--api", "persons", "--reason", "why")

    assert "tokenbooth clients create --api free" in api.err
    assert "tokenbooth requests approve " in asked.err
