"""Quotas and networks of clients, on the command line."""

import pytest


def policy(persons, client_id="my-app"):
    return persons("clients", "show", client_id, "--json").data["policy"]


def test_a_client_is_created_with_its_limits(persons):
    made = persons(
        "clients", "create", "--id", "limited", "--api", "persons", "--quota", "200/h",
        "--network", "192.0.2.0/24", "--network", "::ffff:10.0.0.0/104", "--network", "2001:DB8::1",
        "--networks-observe",
    )  # fmt: skip
    assert made.code == 0, made.err

    told = policy(persons, "limited")

    assert (told["quota_per_hour"], told["quota_observe"]) == (200, False)
    assert told["networks"] == ["192.0.2.0/24", "10.0.0.0/8", "2001:db8::1/128"]
    assert told["networks_observe"] is True


def test_set_changes_one_limit_and_leaves_the_rest(persons, client):
    persons("clients", "set", "my-app", "--quota", "5/h", "--quota-observe", "--network", "::1")
    persons("clients", "set", "my-app", "--quota-enforce")

    told = policy(persons)
    assert (told["quota_per_hour"], told["quota_observe"]) == (5, False)
    assert told["networks"] == ["::1/128"]

    persons("clients", "set", "my-app", "--quota", "none", "--network", "none")
    told = policy(persons)
    assert (told["quota_per_hour"], told["networks"]) == (None, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--quota", "0/h"),
        ("--quota", "200"),
        ("--quota", "200/d"),
        ("--quota", "-1/h"),
        ("--quota", "2000000000/h"),
        ("--quota-observe",),
        ("--network", "192.0.2.7/24"),
        ("--network", "example.com"),
        ("--network", ""),
        ("--networks-observe",),
        ("--quota", "5/h", "--network", "none", "--networks-observe"),
    ],
)
def test_refuses_limits_that_cannot_be(persons, client, arguments):
    ended = persons("clients", "set", "my-app", *arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("tokenbooth: ")
    assert policy(persons)["quota_per_hour"] is None
