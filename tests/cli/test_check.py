"""`tokenbooth check` finds what is wrong with a setup, says what to do, and changes nothing."""

import datetime as dt
import os
from pathlib import Path

import pytest

from tests.protocol.certificates import make
from tokenbooth.server.checks.synchronisation import check_synchronisation, kernel_clock_state


@pytest.fixture
def found(tokenbooth, monkeypatch):
    """What a check finds, by its word, after these variables are set."""

    def look(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"TOKENBOOTH_{name}", str(value))
        ended = tokenbooth("check", "--json")
        levels = {each["about"]: each["level"] for each in ended.data}
        assert ended.code == (1 if "error" in levels.values() else 0), ended.err
        return levels

    return look


@pytest.fixture
def made(tokenbooth, tmp_path):
    assert tokenbooth("issuers", "list").code == 0
    return tmp_path


@pytest.mark.usefixtures("no_booth")
def test_makes_no_database_and_no_key(found, tmp_path):
    assert found()["database_missing"] == "advice"
    assert list(tmp_path.iterdir()) == []


def test_says_for_people_what_was_seen_and_what_to_do(tokenbooth, made):
    (made / "booth.db").chmod(0o644)

    ended = tokenbooth("check")

    assert ended.code == 1
    assert "error: Everybody on this machine can read" in ended.out
    assert f"chmod 600 {made}/booth.db" in ended.out
    assert "There is an error." in ended.err


@pytest.mark.parametrize(
    ("variables", "about", "level"),
    [
        ({"HOST": "0.0.0.0"}, "issuer_url_missing", "error"),
        ({"HOST": "::", "ISSUER_URL": "http://localhost:8080"}, "issuer_url_loopback", "error"),
        ({"ISSUER_URL": "http://auth.example.com"}, "setting_refused", "error"),
        ({"HOST": "::", "ISSUER_URL": "https://auth.example.com"}, "plain_http", "warning"),
        ({"ISSUER_URL": "https://auth.example.com"}, "proxy_not_named", "warning"),
        ({"TRUSTED_PROXY": "10.0.0.1/32,0.0.0.0/0"}, "trusted_proxy_wide", "error"),
        ({"TRUSTED_PROXY": "::/0"}, "trusted_proxy_wide", "error"),
        ({"FAILURES_PER_CLIENT": "0"}, "failure_budgets_off", "warning"),
        ({"FAILURES_OBSERVE": "true"}, "failures_observed", "warning"),
        ({"FAILURES_EXEMPT": "0.0.0.0/0"}, "failures_exempt_wide", "warning"),
        ({"SESSION_SECONDS": "2000000"}, "sessions_long", "advice"),
        ({"WORKERS": "5000"}, "workers_many", "advice"),
        ({"LOG_LEVEL": "debug"}, "log_debug", "advice"),
        ({"CLIENT_CERTIFICATE_HEADER": "x-cert"}, "setting_without_effect", "advice"),
        ({"MTLS_URL": "https://mtls.example.com"}, "setting_without_effect", "advice"),
        ({"SSO_LABEL": "Acme"}, "setting_without_effect", "advice"),
        ({"SOMETHING": "x"}, "setting_unknown", "advice"),
        ({"DATABASE": "mysql://x"}, "setting_refused", "error"),
        ({"DATABASE": "sqlite:///:memory:"}, "database_unusable", "error"),
        ({"DATABASE": "postgresql://u@127.0.0.1:1/x"}, "master_key_unset", "error"),
        ({"DATABASE": "postgresql://u@127.0.0.1:1/x"}, "database_unusable", "error"),
        ({"HOST": "::", "DEMO": "1", "ISSUER_URL": "https://a.example"}, "demo", "warning"),
    ],
)
def test_finds_what_settings_are_wrong(found, variables, about, level):
    assert found(**variables)[about] == level


def test_a_usual_setup_behind_a_proxy_has_nothing_but_advice(found, made):
    levels = found(ISSUER_URL="https://auth.example.com", TRUSTED_PROXY="127.0.0.1/32")
    assert set(levels.values()) <= {"advice"}, levels


def test_names_no_password_of_the_database(tokenbooth, monkeypatch):
    monkeypatch.setenv("TOKENBOOTH_DATABASE", "postgresql://u:hush-hush@127.0.0.1:1/x")
    ended = tokenbooth("check")
    assert "hush" not in ended.out + ended.err


def test_finds_keys_that_others_can_read(found, made):
    assert "master_key_readable" not in found()
    (made / "booth.db.key").chmod(0o640)
    assert found()["master_key_readable"] == "warning"
    (made / "booth.db.key").chmod(0o604)
    assert found()["master_key_readable"] == "error"


def test_advises_to_keep_the_master_key_apart_from_the_database(found, made, tmp_path):
    assert found()["master_key_beside_database"] == "advice"
    apart = tmp_path / "apart"
    apart.mkdir()
    (made / "booth.db.key").rename(apart / "master.key")
    assert "master_key_beside_database" not in found(MASTER_KEY_FILE=apart / "master.key")


def test_finds_a_master_key_that_is_missing_or_another(found, made):
    key = made / "booth.db.key"
    key.write_text("ab" * 32 + "\n")
    assert found()["master_key_unusable"] == "error"
    key.unlink()
    assert found()["master_key_unusable"] == "error"


def test_finds_tables_that_are_not_up_to_date(found, made):
    (made / "booth.db").unlink()
    (made / "booth.db").touch(mode=0o600)
    assert found()["database_unusable"] == "error"


@pytest.mark.parametrize(
    ("days", "dns", "about"),
    [
        ((-2, 5), "auth.example.com", "tls_certificate_expires"),
        ((-9, -1), "auth.example.com", "tls_certificate_expired"),
        ((1, 90), "auth.example.com", "tls_certificate_too_new"),
        ((-1, 90), "other.example.com", "tls_certificate_host"),
        ((-1, 90), "*.com", "tls_certificate_host"),
        ((-1, 90), "auth.example.com", None),
        ((-1, 90), "*.example.com", None),
    ],
)
def test_checks_the_certificate(found, made, days, dns, about):
    first, last = (dt.datetime.now(dt.UTC) + dt.timedelta(days=each) for each in days)
    own = make("CN=x", dns=[dns], not_before=first, not_after=last)
    cert, key = own.write(made, "tls")
    Path(key).chmod(0o600)

    levels = found(ISSUER_URL="https://auth.example.com", TLS_CERT=cert, TLS_KEY=key)

    assert [name for name in levels if name.startswith("tls")] == ([about] if about else [])


def test_finds_a_certificate_whose_key_is_another(found, made):
    cert, _ = make("CN=a").write(made, "a")
    _, key = make("CN=b").write(made, "b")
    assert found(TLS_CERT=cert, TLS_KEY=key)["tls_unusable"] == "error"
    assert found()["tls_key_readable"] == "error"


def test_finds_what_is_weak_in_the_database(found, made, tokenbooth):
    for arguments in (
        ("issuers", "create", "slow", "--alg", "RS256", "--token-lifetime", "48h"),
        ("issuers", "create", "long", "--refresh-tokens", "--refresh-lifetime", "60d"),
        ("apis", "create", "p", "--audience", "https://p.example", "--scopes", "read"),
        ("clients", "create", "--id", "ada", "--api", "p"),
        ("credentials", "add", "ada", "--expires", "3d"),
    ):
        ended = tokenbooth(*arguments)
        assert ended.code == 0, ended.err

    levels = found()

    assert {
        "alg_slow": "advice",
        "token_lifetime_long": "warning",
        "refresh_lifetime_long": "advice",
        "credentials_end_soon": "warning",
        "secrets_without_end": "advice",
        "operator_missing": "advice",
    }.items() <= levels.items()


def test_finds_who_could_change_or_replace_what_the_service_trusts(found, made):
    settings = made / "settings.toml"
    settings.write_text('database = "postgresql://u:secret@127.0.0.1:1/b"')
    settings.chmod(0o606)
    assert found(SETTINGS_FILE=settings)["trusted_file_writable"] == "error"

    dialects = made / "dialects"
    dialects.mkdir(mode=0o700)
    settings.chmod(0o600)
    assert "trusted_file_writable" not in found(DIALECTS=dialects)
    dialects.chmod(0o777)
    assert found()["trusted_file_writable"] == "error"


def test_finds_a_settings_file_that_shows_a_password(tokenbooth, made, monkeypatch):
    monkeypatch.delenv("TOKENBOOTH_DATABASE")
    monkeypatch.setenv("TOKENBOOTH_MASTER_KEY_FILE", str(made / "booth.db.key"))
    settings = made / "settings.toml"
    settings.write_text('database = "postgresql://u:secret@127.0.0.1:1/b"')
    settings.chmod(0o644)

    def levels(*more):
        ended = tokenbooth("check", "--json", "--settings-file", str(settings), *more)
        assert "secret@" not in ended.out + ended.err
        return {each["about"]: each["level"] for each in ended.data}

    assert levels()["settings_file_readable"] == "error"
    # A database that is given elsewhere is the one that counts, and this password is none of ours.
    assert "settings_file_readable" not in levels("--database", f"sqlite:///{made}/booth.db")


def test_finds_a_folder_in_which_everybody_can_replace_the_database(found, made):
    assert "folder_writable" not in found()
    made.chmod(0o777)
    assert found()["folder_writable"] == "error"
    made.chmod(0o1777)  # as /tmp is
    assert "folder_writable" not in found()
    made.chmod(0o700)


def test_finds_a_database_that_it_cannot_write(found, made, monkeypatch):
    # The superuser, who may run these tests, is let in everywhere.
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != made / "booth.db")
    assert found()["database_not_writable"] == "error"


def test_finds_what_the_settings_file_sets_without_effect(found, made):
    settings = made / "settings.toml"
    settings.write_text('sso_label = "Company"')
    assert found(SETTINGS_FILE=settings)["setting_without_effect"] == "advice"


def test_finds_mistakes_in_the_settings_file(found, made):
    settings = made / "settings.toml"
    settings.write_text("wrokers = 2")
    assert found(SETTINGS_FILE=settings) == {"setting_refused": "error"}


def test_finds_an_authority_for_clients_that_ends(found, made):
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
    own = make("CN=own", is_ca=True)
    certificate, key = own.write(made, "own")
    Path(key).chmod(0o600)
    authority = make("CN=clients", is_ca=True, not_after=soon)
    (made / "clients.pem").write_bytes(authority.pem)

    levels = found(TLS_CERT=certificate, TLS_KEY=key, TLS_CLIENT_CA=made / "clients.pem")

    assert levels["tls_client_authority_expires"] == "warning"


def test_finds_a_secret_of_single_sign_on_that_everybody_can_read(found, made):
    secret = made / "sso"
    secret.write_text("s")
    secret.chmod(0o644)
    levels = found(
        SSO_ISSUER="https://id.example", SSO_CLIENT_ID="a", SSO_CLIENT_SECRET=f"file:{secret}"
    )
    assert levels["sso_secret_readable"] == "error"


@pytest.mark.parametrize(
    ("state", "expected"), [(5, ["clock_unsynchronised"]), (0, []), (1, []), (None, [])]
)
def test_finds_a_clock_that_nobody_keeps(state, expected):
    assert [each.about for each in check_synchronisation(lambda: state)] == expected


def test_asks_the_kernel_and_sets_nothing():
    assert kernel_clock_state() in (None, *range(6))
