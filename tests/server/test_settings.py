"""Settings: every mistake is told at once, and workers load the same ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.networks import parse_networks
from tokenbooth.server.settings import (
    Settings,
    SettingsRefused,
    is_loopback,
    issuer_url_mistakes,
)


def mistakes(**variables):
    with pytest.raises(SettingsRefused) as caught:
        Settings.load({f"TOKENBOOTH_{name.upper()}": text for name, text in variables.items()})
    return str(caught.value).splitlines()


def test_nothing_needs_to_be_set():
    assert Settings.load({}) == Settings()


def test_reads_the_environment_and_lets_overrides_win():
    environment = {"TOKENBOOTH_PORT": "1234", "TOKENBOOTH_HOST": "::1", "TOKENBOOTH_DEMO": "true"}

    settings = Settings.load(environment, port=4321, host=None)

    assert (settings.port, settings.host, settings.demo) == (4321, "::1", True)


def test_tells_every_mistake_at_once():
    found = mistakes(
        port="many",
        workers="0",
        log_format="xml",
        log_level="loud",
        database="mysql://db",
        issuer_url="http://auth.example.com/?a#b",
        tls_cert="cert.pem",
        trusted_proxy="10.0.0.0/99",
        dialects="/nowhere/at/all",
        client_cache_size="0",
        max_body_bytes="-1",
        body_timeout_seconds="nan",
        change_poll_seconds="0",
        refresh_grace_seconds="-1",
    )

    for name in (
        "PORT",
        "WORKERS",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "DATABASE",
        "ISSUER_URL",
        "TLS_CERT",
        "TRUSTED_PROXY",
        "DIALECTS",
        "CLIENT_CACHE_SIZE",
        "MAX_BODY_BYTES",
        "BODY_TIMEOUT_SECONDS",
        "CHANGE_POLL_SECONDS",
        "REFRESH_GRACE_SECONDS",
    ):
        assert any(f"TOKENBOOTH_{name}" in line for line in found), name


@pytest.mark.parametrize("port", ["-1", "65536", "1.5", ""])
def test_refuses_a_port_that_is_none(port):
    assert mistakes(port=port)[0].startswith("TOKENBOOTH_PORT")


def test_a_worker_loads_the_same_settings(tmp_path):
    settings = Settings(
        database="sqlite:////srv/booth.db",
        host="0.0.0.0",
        port=0,
        workers=3,
        issuer_url="https://auth.example.com/eu",
        demo=True,
        master_key_file="/run/secrets/master",
        dialects=str(tmp_path),
        log_format="json",
        refresh_grace_seconds=1.5,
        trusted_proxy="10.0.0.0/8, fd00::/8",
        tls_cert="a",
        tls_key="b",
    )

    assert Settings.load(settings.to_environment()) == settings
    assert Settings.load(Settings().to_environment()) == Settings()


@given(
    st.integers(0, 65535),
    st.booleans(),
    st.floats(0, 300),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
)
def test_any_settings_survive_the_environment(port, demo, grace, host):
    settings = Settings(port=port, demo=demo, refresh_grace_seconds=grace, host=host)

    assert Settings.load(settings.to_environment()) == settings


def test_the_database_address_is_not_shown():
    assert "hunter2" not in repr(Settings(database="postgresql://u:hunter2@db/booth"))


def test_loads_the_operators_dialects_beside_the_built_in_ones(tmp_path):
    (tmp_path / "acme.toml").write_text('name = "acme"\ntoken_path = "/acme"\n')

    dialects = Settings(dialects=str(tmp_path)).load_dialects()

    assert dialects["acme"].token_path == "/acme"
    assert "truphone" in dialects


@pytest.mark.parametrize("content", [b"name = 1", b"\xff", b"not toml", b"name = 'a'\nx = 1"])
def test_names_the_dialect_file_that_cannot_be_used(tmp_path, content):
    (tmp_path / "acme.toml").write_bytes(content)

    with pytest.raises(SettingsRefused):
        Settings(dialects=str(tmp_path)).load_dialects()


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example.com",
        "https://auth.example.com:8443/eu",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost",
        "http://booth.localhost",
    ],
)
def test_accepts_an_issuer_identifier(url):
    assert issuer_url_mistakes(url) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "auth.example.com",
        "ftp://auth.example.com",
        "https://",
        "http://auth.example.com",
        "http://127.0.0.1.evil.example",
        "https://auth.example.com/",
        "https://auth.example.com?",
        "https://auth.example.com#",
        "https://auth.example.com:99999",
        "https://user:pw@auth.example.com",
        "https://auth.example.com/a b",
        "https://auth.example.com/\n",
        'https://auth.example.com/"',
        "https://auth.ex\u00e4mple.com",
        "https://[",
    ],
)
def test_says_what_is_wrong_with_an_issuer_identifier(url):
    assert issuer_url_mistakes(url)


@given(st.text())
def test_any_text_is_judged_as_issuer_and_host_without_a_crash(text):
    issuer_url_mistakes(text)
    issuer_url_mistakes("https://" + text)
    is_loopback(text)


@given(st.text())
def test_any_text_is_read_as_networks_or_refused(text):
    try:
        parse_networks(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("failures_per_client", -1),
        ("failures_exempt", "198.51.100.9/24"),
        ("failures_per_source", -1),
        ("failure_window_seconds", 0),
        ("failure_window_seconds", 90_000),
        ("failure_window_seconds", float("nan")),
    ],
)
def test_refuses_budgets_for_failures_that_are_none(setting, value):
    with pytest.raises(SettingsRefused, match=f"TOKENBOOTH_{setting.upper()}: "):
        Settings.load({}, **{setting: value})


def test_asks_back_when_a_variable_is_almost_a_setting():
    with pytest.raises(SettingsRefused, match="did you mean TOKENBOOTH_DATABASE"):
        Settings.load({"TOKENBOOTH_DATABSE": "sqlite:///x.db"})


def test_leaves_other_variables_with_the_prefix_alone():
    Settings.load({"TOKENBOOTH_CLIENT_SECRET": "x", "TOKENBOOTH_DEMO_APIS": "{}"})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"session_idle_seconds": "59"}, "SESSION_IDLE_SECONDS"),
        ({"session_idle_seconds": "nan"}, "SESSION_IDLE_SECONDS"),
        ({"session_idle_seconds": "7200", "session_seconds": "3600"}, "SESSION_SECONDS"),
        ({"session_seconds": "1e9"}, "SESSION_SECONDS"),
        ({"sso_issuer": "https://login.example.com"}, "SSO_CLIENT_ID"),
        ({"sso_client_id": "tokenbooth"}, "SSO_ISSUER"),
        ({"sso_issuer": "http://login.example.com", "sso_client_id": "x"}, "SSO_ISSUER"),
        ({"sso_issuer": "https://login.example.com?a", "sso_client_id": "x"}, "SSO_ISSUER"),
        ({"sso_label": ""}, "SSO_LABEL"),
        ({"sso_label": "a\nb"}, "SSO_LABEL"),
        ({"sso_label": "x" * 61}, "SSO_LABEL"),
    ],
)
def test_says_what_is_wrong_with_how_people_sign_in(given, named):
    assert any(f"TOKENBOOTH_{named}" in line for line in mistakes(**given))


def test_a_secret_in_the_place_of_its_reference_is_refused_and_not_repeated():
    (line,) = mistakes(sso_client_secret="hunter2-hunter2")

    assert "env:NAME or file:PATH" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("issuer", ["https://login.example.com", "https://login.example.com/a/"])
def test_an_outside_issuer_is_taken_as_it_is_written(issuer):
    settings = Settings.load({}, sso_issuer=issuer, sso_client_id="x", sso_client_secret="env:S")

    assert settings.sso_issuer == issuer
