"""What a running service takes from its settings file, and what it refuses as a whole."""

import os

import pytest

from tests.protocol.certificates import make
from tokenbooth.cli.serve_settings import GivenSettings, changed_settings, hand_to_workers
from tokenbooth.server.settings import Settings, SettingsRefused


@pytest.fixture
def given(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('log_level = "info"\n')
    return GivenSettings(
        environment={"TOKENBOOTH_SETTINGS_FILE": str(file)}, options={"workers": 3}
    )


@pytest.fixture
def write(tmp_path):
    return (tmp_path / "settings.toml").write_text


def test_takes_what_the_file_says_now_and_the_options_as_they_were(given, write):
    before = given.read()
    write('log_level = "debug"\nworkers = 9\n')

    after = given.read_anew(before)

    assert (after.log_level, after.workers) == ("debug", 3)
    assert changed_settings(before, after) == ["log_level"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("port = 1", "Restart the service to change TOKENBOOTH_PORT."),
        ('database = "sqlite:///other.db"', "change TOKENBOOTH_DATABASE."),
        ('host = "::1"\ndemo = true', "change TOKENBOOTH_DEMO, TOKENBOOTH_HOST."),
        ('issuer_url = "https://b.example"', "change TOKENBOOTH_ISSUER_URL."),
        ("max_body_bytes = 0", "TOKENBOOTH_MAX_BODY_BYTES: at least 1"),
        ("max_body_bytes = [1]", "max_body_bytes: give a text, a number, true or false"),
        ("wrokers = 1", "there is no setting 'wrokers'; did you mean workers?"),
        ('TOKENBOOTH_PORT = "1"', "no setting 'TOKENBOOTH_PORT'; did you mean port?"),
        ('settings_file = "x"', "there is no setting 'settings_file'"),
        ("log_level =", "it is no TOML file"),
        ("log_level = " + 5000 * "[", "it is no TOML file"),
        ("workers = " + 5000 * "9", "it is no TOML file"),
        ("client_cache_size = 0x" + 5000 * "f", "client_cache_size: too large a number"),
        ('redis_password = "file:a\\u0000b"', "redis_password: no NUL characters"),
        ('tls_cert = "/no"\ntls_key = "/no"', "cannot be used: No such file"),
    ],
)
def test_refuses_what_a_running_service_cannot_take(given, write, line, reason):
    before = given.read()
    write(line)

    with pytest.raises(SettingsRefused) as refused:
        given.read_anew(before)

    assert reason in str(refused.value)


def test_refuses_to_turn_tls_on_in_a_running_service(given, write, tmp_path):
    before = given.read()
    certificate, key = make("CN=a", is_ca=True).write(tmp_path, "own")
    write(f'tls_cert = "{certificate}"\ntls_key = "{key}"')

    with pytest.raises(SettingsRefused, match="change TOKENBOOTH_TLS_CERT"):
        given.read_anew(before)


def test_refuses_dialects_that_cannot_be_read(given, write, tmp_path):
    before = given.read()
    (tmp_path / "bad.toml").write_text("name = 1")
    write(f'dialects = "{tmp_path}"')

    with pytest.raises(SettingsRefused, match=r"bad\.toml"):
        given.read_anew(before)


def test_a_file_that_is_gone_is_a_mistake(given, tmp_path):
    before = given.read()
    (tmp_path / "settings.toml").unlink()

    with pytest.raises(SettingsRefused, match="No such file"):
        given.read_anew(before)


def test_a_mistake_never_shows_a_value(given, write):
    write('database = "postgres:/u:s3cr3t@h"\nport = "s3cr3t"')

    with pytest.raises(SettingsRefused) as refused:
        given.read()

    assert "s3cr3t" not in str(refused.value)


def test_workers_find_the_settings_whole_and_nothing_that_was_unset(given, write, monkeypatch):
    monkeypatch.setattr(os, "environ", {"TOKENBOOTH_MTLS_URL": "https://old.example", "PATH": "x"})
    write('log_level = "debug"')
    settings = given.read()

    hand_to_workers(settings, "https://a.example")

    found = Settings.load(os.environ)
    assert changed_settings(settings, found) == ["settings_file", "issuer_url"]
    assert (found.issuer_url, found.mtls_url, os.environ["PATH"]) == (
        "https://a.example",
        None,
        "x",
    )
