"""The address of Valkey or Redis: what is understood, and that no password is ever shown."""

import pytest

from tokenbooth.server.redis_address import RedisAddress
from tokenbooth.server.settings import Settings, SettingsRefused


@pytest.mark.parametrize(
    ("url", "shown", "database"),
    [
        ("redis://127.0.0.1", "redis://127.0.0.1:6379", 0),
        ("valkey://cache.example.com:7000/3", "redis://cache.example.com:7000", 3),
        ("rediss://cache.example.com", "rediss://cache.example.com:6379", 0),
        ("valkeys://[2001:db8::1]:1/0", "rediss://[2001:db8::1]:1", 0),
        ("unix:///run/valkey/valkey.sock?db=2", "unix:///run/valkey/valkey.sock", 2),
    ],
)
def test_reads_an_address(url, shown, database):
    address = RedisAddress.parse(url)

    assert (address.shown, address.database) == (shown, database)


def test_reads_user_and_password_and_shows_neither():
    address = RedisAddress.parse("redis://booth:p%40ss%23word@cache.example.com")

    assert (address.username, address.password.reveal()) == ("booth", "p@ss#word")
    assert "p@ss" not in f"{address!r} {address.shown}"
    assert address.shown == "redis://cache.example.com:6379"


def test_an_authority_of_ones_own_is_for_tls():
    url = "rediss://cache.example.com?ssl_ca_certs=/etc/ca.pem"

    assert RedisAddress.parse(url).ca_file == "/etc/ca.pem"


@pytest.mark.parametrize(
    ("url", "is_near"),
    [
        ("unix:///run/valkey.sock", True),
        ("redis://localhost", True),
        ("redis://127.0.0.2", True),
        ("redis://[::1]", True),
        ("redis://cache.example.com", False),
        ("redis://10.0.0.1", False),
    ],
)
def test_tells_whether_it_is_on_this_machine(url, is_near):
    assert RedisAddress.parse(url).is_near is is_near


@pytest.mark.parametrize(
    "url",
    [
        "cache.example.com:6379",
        "http://cache.example.com",
        "redis+sentinel://a,b/main",
        "redis://",
        "redis://a.example.com,b.example.com",
        "redis://cache.example.com:port",
        "redis://cache.example.com/main",
        "redis://cache.example.com/-1",
        "redis://cache.example.com/99999999999999999999",
        "redis://cache.example.com?ssl_ca_certs=/etc/ca.pem",
        "rediss://cache.example.com?ssl_cert_reqs=none",
        "redis://:s3cr#t@cache.example.com",
        "redis://:s3cr/t@cache.example.com",
        "redis://:s3cr]t@cache.example.com",
        "unix://",
        "unix:///",
        "unix:///run/valkey.sock?db=one",
    ],
)
def test_refuses_what_it_cannot_use_without_quoting_it(url):
    with pytest.raises(SettingsRefused, match="TOKENBOOTH_REDIS: ") as refused:
        Settings.load({"TOKENBOOTH_REDIS": url})

    assert "s3cr" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_an_empty_address_is_none():
    assert not Settings.load({"TOKENBOOTH_REDIS": ""}).redis


def test_a_password_in_clear_is_refused_where_its_place_belongs():
    with pytest.raises(SettingsRefused, match="TOKENBOOTH_REDIS_PASSWORD: say where") as refused:
        Settings.load({"TOKENBOOTH_REDIS_PASSWORD": "s3cret-in-clear"})

    assert "s3cret" not in str(refused.value)


def test_settings_show_no_password():
    settings = Settings.load({"TOKENBOOTH_REDIS": "redis://:s3cret@127.0.0.1"})

    assert "s3cret" not in repr(settings)
