"""Accounts and members on the command line."""

import asyncio
import os
import re

import pytest

from tokenbooth.management.people.invitations import join
from tokenbooth.management.people.sessions import Visitor
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings

LINK = re.compile(r"http://127\.0\.0\.1:8080/console/join/[A-Za-z0-9_-]{43}")


@pytest.fixture
def acme(tokenbooth):
    assert tokenbooth("accounts", "create", "acme", "--title", "Acme Inc").code == 0
    return tokenbooth


def test_an_account_is_shown_with_what_it_owns(acme):
    assert acme("accounts", "show", "acme", "--json").data["clients"] == 0
    acme("apis", "create", "persons", "--audience", "https://api.example.com", "--scopes", "a")
    acme("clients", "create", "--id", "app", "--api", "persons", "--account", "acme")

    shown = acme("accounts", "show", "acme", "--json").data

    assert (shown["title"], shown["clients"], shown["members"]) == ("Acme Inc", 1, 0)


def test_an_account_gets_another_title(acme):
    changed = acme("accounts", "set", "acme", "--title", "Acme Ltd", "--json")

    assert changed.data["title"] == "Acme Ltd"
    assert acme("accounts", "list", "--json").data[0]["title"] == "Acme Ltd"


def test_an_account_that_owns_something_is_not_deleted(acme):
    acme("apis", "create", "persons", "--audience", "https://api.example.com", "--scopes", "a")
    acme("clients", "create", "--id", "app", "--api", "persons", "--account", "acme")

    refused = acme("accounts", "delete", "acme")
    assert refused.code == 7
    assert "still has 1 client." in refused.err

    acme("clients", "delete", "app", "--yes")
    assert acme("accounts", "delete", "acme", "--json").data == {"name": "acme"}
    assert acme("accounts", "show", "acme").code == 6


def test_an_operator_is_invited_by_a_link_that_is_shown_once(tokenbooth):
    invited = tokenbooth("members", "invite", "--operator", "op@example.com")

    assert invited.code == 0
    (link,) = LINK.findall(invited.out)
    assert "shown this once" in invited.err
    assert "if it is elsewhere, set TOKENBOOTH_ISSUER_URL" in invited.err
    listed = tokenbooth("members", "invitations", "--json")
    assert listed.data[0]["email"] == "op@example.com"
    assert link.rpartition("/")[2] not in listed.out


def test_an_owner_is_invited_to_an_account(acme):
    invited = acme(
        "members", "invite", "ann@example.com", "--role", "owner", "--account", "acme", "--json"
    )

    assert LINK.fullmatch(invited.data["link"])
    assert (invited.data["role"], invited.data["account"]) == ("owner", "acme")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ann@example.com",), 2),
        (("ann@example.com", "--operator", "--role", "owner"), 2),
        (("ann@example.com", "--role", "owner"), 2),
        (("ann@example.com", "--role", "king"), 2),
        (("no address", "--operator"), 2),
        (("ann@example.com", "--operator", "--account", "acme"), 2),
        (("ann@example.com", "--role", "member", "--account", "acne"), 6),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(acme, arguments, code):
    assert acme("members", "invite", *arguments).code == code


def test_an_invitation_is_renewed_and_withdrawn(acme):
    first = acme("members", "invite", "op@example.com", "--operator", "--json").data
    assert acme("members", "invite", "op@example.com", "--operator").code == 7

    second = acme("members", "renew-invitation", first["id"], "--json").data
    assert second["link"] != first["link"]
    assert acme("members", "withdraw-invitation", first["id"]).code == 6
    assert acme("members", "withdraw-invitation", second["id"], "--json").data == {
        "id": second["id"]
    }
    assert acme("members", "invitations", "--json").data == []


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("set", "--name", "Ann"),
        ("disable",),
        ("enable",),
        ("remove",),
        ("reset-password",),
        ("remove-second-factor",),
        ("end-sessions",),
    ],
    ids=lambda command: command[0],
)
def test_who_is_no_member_is_not_found(tokenbooth, command):
    name, *options = command

    assert tokenbooth("members", name, "ann@example.com", *options).code == 6


def test_a_change_says_what(tokenbooth):
    assert tokenbooth("members", "set", "ann@example.com").code == 2


@pytest.fixture
def ann(acme):
    """A member of the account, who joined by the link."""
    link = acme(
        "members", "invite", "ann@example.com", "--role", "member", "--account", "acme", "--json"
    ).data["link"]

    async def follow():
        booth = await open_booth(Settings.load(os.environ))
        await join(
            booth,
            unverified_code=link.rpartition("/")[2],
            password=Secret("correct horse battery"),
            visitor=Visitor(),
        )
        await booth.close()

    asyncio.run(follow())
    return acme


def test_a_member_is_shown_changed_and_removed(ann):
    assert ann("members", "list", "--account", "acme", "--json").data[0]["email"] == (
        "ann@example.com"
    )
    changed = ann("members", "set", "ann@example.com", "--role", "owner", "--name", "Ann", "--json")
    assert (changed.data["role"], changed.data["name"]) == ("owner", "Ann")
    assert ann("members", "disable", "ann@example.com", "--json").data["enabled"] is False
    assert ann("members", "reset-password", "ann@example.com").code == 7
    assert ann("members", "enable", "ann@example.com", "--json").data["enabled"] is True
    assert ann("members", "show", "ann@example.com", "--json").data["has_second_factor"] is False
    assert ann("members", "remove", "ann@example.com", "--json").data == {
        "email": "ann@example.com"
    }
    assert ann("members", "list", "--json").data == []


def test_a_member_is_signed_out_and_gets_a_new_password(ann):
    ended = ann("members", "end-sessions", "ann@example.com", "--json")
    assert ended.data == {"email": "ann@example.com", "ended": 1}
    again = ann("members", "end-sessions", "ann@example.com")
    assert again.err == "ann@example.com is signed out of 0 browsers.\n"

    reset = ann("members", "reset-password", "ann@example.com", "--json")
    assert reset.data["kind"] == "password_reset"
    assert LINK.fullmatch(reset.data["link"])
    assert ann("members", "remove-second-factor", "ann@example.com").code == 0


def test_what_is_shown_of_members_holds_no_hash(ann):
    assert "argon2" not in ann("members", "show", "ann@example.com", "--json").out
