"""Ending tokens from the command line, and what it says about it."""

import asyncio
import os
from typing import Any

import pytest

from tests.cli.conftest import Command
from tokenbooth.server.records import RevocationPage
from tokenbooth.server.stores.sql import open_store


@pytest.fixture
def persons(tokenbooth: Command) -> Command:
    tokenbooth("apis", "create", "persons", "--audience", "https://p.example", "--scopes", "read")
    return tokenbooth


@pytest.fixture
def client(persons: Command) -> dict[str, Any]:
    return persons("clients", "create", "--id", "my-app", "--api", "persons", "--json").data


def revoked() -> list[tuple[str, bool]]:
    """The keys in the database, and whether each is for tokens until some moment only."""

    async def read() -> RevocationPage | None:
        store = await open_store(os.environ["TOKENBOOTH_DATABASE"], create=False)
        page = await store.revocations_since("default", 0, now=0.0, limit=10)
        await store.close()
        return page

    page = asyncio.run(read())
    assert page is not None
    return [(each.key, each.before is not None) for each in page.revocations]


def test_a_clients_tokens_are_ended(persons: Command, client: dict[str, Any]) -> None:
    said = persons("clients", "revoke-tokens", "my-app")

    assert "until now are revoked" in said.err
    assert revoked() == [("client:my-app", True)]


def test_a_credentials_tokens_are_ended(persons: Command, client: dict[str, Any]) -> None:
    credential = client["credential_id"]

    assert persons("credentials", "revoke-tokens", "my-app", credential, "--json").data["id"] == (
        credential
    )
    assert revoked() == [(f"credential:{credential}", True)]


def test_a_removed_credentials_tokens_are_ended_for_good_on_demand(
    persons: Command, client: dict[str, Any]
) -> None:
    credential = client["credential_id"]

    said = persons("credentials", "remove", "my-app", credential, "--revoke-tokens")

    assert "and revoked its tokens" in said.err
    assert revoked() == [(f"credential:{credential}", False)]


def test_a_removed_credentials_tokens_live_on_otherwise(
    persons: Command, client: dict[str, Any]
) -> None:
    persons("credentials", "remove", "my-app", client["credential_id"])

    assert revoked() == []


def test_an_issuers_tokens_are_ended(persons: Command) -> None:
    assert persons("issuers", "revoke-tokens", "default", "--json").data["name"] == "default"
    assert revoked() == [("issuer:", True)]


def test_disabling_and_deleting_end_the_tokens(persons: Command, client: dict[str, Any]) -> None:
    persons("clients", "disable", "my-app")
    assert revoked() == [("client:my-app", True)]

    persons("clients", "delete", "my-app")
    assert (f"credential:{client['credential_id']}", False) in revoked()


@pytest.mark.parametrize(
    "arguments",
    [
        ("clients", "revoke-tokens", "nobody"),
        ("credentials", "revoke-tokens", "my-app", "nothing"),
        ("credentials", "remove", "my-app", "nothing", "--revoke-tokens"),
        ("issuers", "revoke-tokens", "nowhere"),
    ],
)
def test_what_is_not_there_is_not_found(
    persons: Command, client: dict[str, Any], arguments: tuple[str, ...]
) -> None:
    assert persons(*arguments).code == 6
