"""Every setting of the token service: its default, its meaning, its environment variable."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from tokenbooth.protocol.certificate import SELF_SIGNED, TLS
from tokenbooth.protocol.dialects import Dialect, DialectRefused, built_in_dialects, parse_dialect
from tokenbooth.protocol.forwarded_certificate import ForwardingHeader
from tokenbooth.protocol.networks import parse_networks
from tokenbooth.remote.secret_source import secret_reader
from tokenbooth.server.redis_address import redis_mistakes
from tokenbooth.server.settings_file import read_settings_file
from tokenbooth.server.stores.limits import DEFAULT_LIMITS, DatabaseLimits

PREFIX = "TOKENBOOTH_"
_ALMOST = 0.93  # as difflib counts: about one wrong letter in a name
DEFAULT_DATABASE = "sqlite:///tokenbooth.db"

_LEAST_SECONDS = {
    "change_poll_seconds": 0.01,
    "database_connect_seconds": 0.1,
    "database_statement_seconds": 0.1,
    "database_lock_seconds": 0.1,
    "refresh_grace_seconds": 0.0,
    "body_timeout_seconds": 0.1,
    "overload_seconds": 0.01,
    "drain_seconds": 0.0,
}
_MOST_SECONDS = 300.0
_CHOICES = {
    "migrate": ('"on"', '"off"'),
    "log_format": ('"console"', '"json"'),
    "log_level": ('"debug"', '"info"', '"warning"', '"error"'),
    "metrics": ('"on"', '"off"'),
    "traces": ('"on"', '"off"'),
}
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")


class SettingsRefused(ValueError):
    """Settings that cannot be used; the text lists every mistake, one a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each field is also read from TOKENBOOTH_<NAME IN CAPITALS>."""

    settings_file: str | None = None  # TOML; whatever else sets a setting goes first
    database: str = field(default=DEFAULT_DATABASE, repr=False)  # may carry a password
    redis: str | None = field(default=None, repr=False)  # the same; Valkey or Redis
    redis_password: str | None = None  # where it is: env:NAME or file:PATH
    host: str = "127.0.0.1"
    port: int = 8080  # 0 picks a free one
    workers: int = 1
    drain_seconds: float = 0.0  # told to end, it serves on for so long, while /readyz says 503
    issuer_url: str | None = None  # public address of the default issuer; None: host and port
    demo: bool = False
    migrate: str = "on"  # "off": open no database whose tables are not up to date
    master_key_file: str | None = None  # None with SQLite: the database's path plus ".key"
    dialects: str | None = None  # a folder of further dialect files (*.toml)
    log_format: str = "console"  # "console" or "json"
    log_level: str = "info"  # "debug", "info", "warning" or "error"
    metrics: str = "on"  # "off": there is no /metrics
    # Networks (CIDR, comma-separated) that may read the metrics.
    metrics_from: str = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    traces: str = "off"  # "on": OpenTelemetry, by its own OTEL_ variables
    # Networks (CIDR, comma-separated) whose requests go on the traces that they name.
    traces_from: str = "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
    log_sample: float = 1.0  # the share of ordinary lines that is logged; others always are
    client_cache_size: int = 100_000  # registered clients kept in memory per process
    change_poll_seconds: float = 0.25  # how soon a change by another process is noticed
    # Of a PostgreSQL server: connections of each process, for each of the two ways to ask; how long
    # it may take to connect, to run a statement, and to wait for a lock within that.
    database_pool_size: int = DEFAULT_LIMITS.pool_size
    database_connect_seconds: float = DEFAULT_LIMITS.connect_seconds
    database_statement_seconds: float = DEFAULT_LIMITS.statement_seconds
    database_lock_seconds: float = DEFAULT_LIMITS.lock_seconds
    refresh_grace_seconds: float = 30.0  # a rotated refresh token still answers a lost reply
    max_body_bytes: int = 65_536
    body_timeout_seconds: float = 10.0  # for the head of a request, and for its body
    overload_seconds: float = 0.25  # requests that have waited so long for their turn get 503
    # How many failed attempts to authenticate a network has, for one client and for all together,
    # before it is answered 429; used up, they come back evenly within the window. 0: no limit.
    failures_per_client: int = 20
    failures_per_source: int = 300
    failure_window_seconds: float = 300.0
    failures_observe: bool = False  # only log what these limits would refuse
    # Networks (CIDR, comma-separated) that try credentials for others, so that nothing counts.
    failures_exempt: str = ""
    # Networks (CIDR, comma-separated) whose X-Forwarded-For and client certificate header count.
    trusted_proxy: str = ""
    # Where trusted proxies forward the client's certificate: NAME (RFC 9440), NAME:escaped-pem or
    # NAME:base64-der. Empty: nowhere, for proxies that pass on what their callers write there.
    client_certificate_header: str = "client-cert"
    # Whether the proxies let in no certificate but those of authorities that the operator trusts.
    proxied_certificates_verified: bool = True
    # Hosts (comma-separated) whose private addresses may be asked for keys of clients and issuers.
    allow_private_addresses_for_federation: str = ""
    tls_cert: str | None = None  # PEM files; both or none
    tls_key: str | None = None
    tls_client_ca: str | None = None  # PEM file of the authorities whose client certificates count
    tls_self_signed_clients: bool = False  # ask for certificates, those registered are let in
    mtls_url: str | None = None  # where clients with certificates reach the service, if elsewhere
    # Repeats of a frequent event are one entry of the audit trail for so long.
    audit_window_seconds: float = 300.0
    refusals_kept_days: int = 7
    usage_kept_days: int = 35
    # How long somebody stays signed in to the console: without doing anything, and at most.
    session_idle_seconds: float = 28_800.0
    session_seconds: float = 86_400.0
    # Single sign-on with an OpenID Connect provider; the issuer turns it on.
    sso_issuer: str | None = None
    sso_client_id: str | None = None
    sso_client_secret: str | None = None  # where it is: env:NAME or file:PATH
    sso_label: str = "single sign-on"  # how the provider is called on the sign-in page

    @classmethod
    def load(cls, environment: Mapping[str, str], **overrides: object) -> Self:
        """Read the settings file, the environment, then the overrides that are not None.

        Raises SettingsRefused with all mistakes at once.
        """
        given: dict[str, Any] = {}
        in_file, mistakes = given_by_file(environment, overrides)
        mistakes += _misspelt(environment)
        for setting in fields(cls):
            variable = PREFIX + setting.name.upper()
            value = overrides.get(setting.name)
            if value is None:
                value = environment.get(variable, in_file.get(setting.name))
            if value is None:
                continue
            try:
                given[setting.name] = msgspec.convert(value, setting.type, strict=False)
            except msgspec.ValidationError as error:
                mistakes.append(f"{variable}: {error}")
        settings = cls(**given)
        mistakes += _mistakes(settings)
        if mistakes:
            raise SettingsRefused("\n".join(mistakes))
        return settings

    def to_environment(self) -> dict[str, str]:
        """Return the variables from which a worker process loads the same settings."""
        return {
            PREFIX + setting.name.upper(): _as_text(value)
            for setting in fields(self)
            if (value := getattr(self, setting.name)) is not None
        }

    @property
    def asks_for_certificates(self) -> bool:
        """Whether our own TLS listener asks its callers for certificates."""
        return self.tls_client_ca is not None or self.tls_self_signed_clients

    @property
    def certificate_methods(self) -> tuple[str, ...]:
        """The ways to authenticate by certificate that can work here."""
        proxied = bool(self.trusted_proxy and self.client_certificate_header)
        by_name = self.tls_client_ca or (proxied and self.proxied_certificates_verified)
        by_itself = self.asks_for_certificates or proxied
        return (TLS,) * bool(by_name) + (SELF_SIGNED,) * bool(by_itself)

    @property
    def database_limits(self) -> DatabaseLimits:
        """How long a database server may keep us waiting."""
        return DatabaseLimits(
            pool_size=self.database_pool_size,
            connect_seconds=self.database_connect_seconds,
            statement_seconds=self.database_statement_seconds,
            lock_seconds=self.database_lock_seconds,
        )

    def load_dialects(self) -> dict[str, Dialect]:
        """Return the built-in dialects and the operator's own; raises SettingsRefused."""
        known = dict(built_in_dialects())
        for path in sorted(Path(self.dialects).glob("*.toml")) if self.dialects else []:
            try:
                dialect = parse_dialect(path.read_text("utf-8"), origin=str(path))
            except (DialectRefused, OSError, UnicodeDecodeError) as error:
                raise SettingsRefused(str(error)) from error
            known[dialect.name] = dialect
        return known


def given_by_file(
    environment: Mapping[str, str], overrides: Mapping[str, object]
) -> tuple[dict[str, str | float], list[str]]:
    """Return what the settings file sets, if there is one, and the mistakes in it."""
    path = overrides.get("settings_file") or environment.get(f"{PREFIX}SETTINGS_FILE")
    names = {setting.name for setting in fields(Settings)} - {"settings_file"}
    return read_settings_file(str(path), names) if path else ({}, [])


def _misspelt(environment: Mapping[str, str]) -> list[str]:
    """Name variables that are almost a setting: a typing error must not start another database."""
    known = [PREFIX + setting.name.upper() for setting in fields(Settings)]
    found = []
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, n=1, cutoff=_ALMOST)
            found += (
                [f"{name}: there is no such setting; did you mean {close[0]}?"] if close else []
            )
    return found


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mistakes(settings: Settings) -> list[str]:
    found = _mistakes_in_numbers(settings)
    if not settings.database.startswith(("sqlite:///", "postgresql://", "postgres://")):
        found.append(
            "TOKENBOOTH_DATABASE: use sqlite:///path/to/file.db or postgresql://user@host/name"
        )
    if settings.redis:
        found += [f"TOKENBOOTH_REDIS: {what}" for what in redis_mistakes(settings.redis)]
    found += _mistakes_in_place("redis_password", settings.redis_password)
    if settings.issuer_url is not None:
        found += [
            f"TOKENBOOTH_ISSUER_URL: {what}" for what in issuer_url_mistakes(settings.issuer_url)
        ]
    found += [
        f"{PREFIX}{name.upper()}: use {', '.join(others)} or {last}"
        for name, (*others, last) in _CHOICES.items()
        if f'"{getattr(settings, name)}"' not in (*others, last)
    ]
    if bool(settings.tls_cert) != bool(settings.tls_key):
        found.append("TOKENBOOTH_TLS_CERT and TOKENBOOTH_TLS_KEY go together")
    found += _mistakes_in_certificates(settings)
    found += _mistakes_in_single_sign_on(settings)
    if settings.dialects is not None and not Path(settings.dialects).is_dir():
        found.append(f"TOKENBOOTH_DIALECTS: {settings.dialects} is not a folder")
    for name in ("trusted_proxy", "failures_exempt", "metrics_from", "traces_from"):
        try:
            parse_networks(getattr(settings, name))
        except ValueError as error:
            found.append(f"{PREFIX}{name.upper()}: {error}")
    return found


def _mistakes_in_certificates(settings: Settings) -> list[str]:
    found = []
    if (settings.tls_client_ca or settings.tls_self_signed_clients) and not settings.tls_cert:
        found.append(
            "TOKENBOOTH_TLS_CLIENT_CA and TOKENBOOTH_TLS_SELF_SIGNED_CLIENTS need "
            "TOKENBOOTH_TLS_CERT: only over TLS there are client certificates"
        )
    if settings.client_certificate_header:
        try:
            ForwardingHeader.parse(settings.client_certificate_header)
        except ValueError as error:
            found.append(f"TOKENBOOTH_CLIENT_CERTIFICATE_HEADER: {error}")
    if settings.mtls_url is not None:
        found += [f"TOKENBOOTH_MTLS_URL: {what}" for what in issuer_url_mistakes(settings.mtls_url)]
    return found


def _mistakes_in_single_sign_on(settings: Settings) -> list[str]:
    found = []
    if bool(settings.sso_issuer) != bool(settings.sso_client_id):
        found.append("TOKENBOOTH_SSO_ISSUER and TOKENBOOTH_SSO_CLIENT_ID go together")
    if settings.sso_issuer:
        # The only issuer of others: it is compared as it is written, with a slash at its end.
        mistakes = issuer_url_mistakes(settings.sso_issuer.rstrip("/"))
        found += [f"TOKENBOOTH_SSO_ISSUER: {what}" for what in mistakes]
    found += _mistakes_in_place("sso_client_secret", settings.sso_client_secret)
    if not settings.sso_label.isprintable() or not 1 <= len(settings.sso_label) <= 60:
        found.append("TOKENBOOTH_SSO_LABEL: 1 to 60 printable characters")
    return found


def _mistakes_in_place(name: str, place: str | None) -> list[str]:
    try:
        if place:
            secret_reader(place)
    except ValueError:
        # Not quoted: it may be the secret itself.
        return [f"{PREFIX}{name.upper()}: say where it is: env:NAME or file:PATH"]
    return []


def _mistakes_in_numbers(settings: Settings) -> list[str]:
    found = [
        f"{PREFIX}{name.upper()}: at least 1"
        for name in ("workers", "client_cache_size", "max_body_bytes", "database_pool_size")
        if getattr(settings, name) < 1
    ]
    found += [
        f"{PREFIX}{name.upper()}: {least:g} to {_MOST_SECONDS:g} seconds"
        for name, least in _LEAST_SECONDS.items()
        if not least <= getattr(settings, name) <= _MOST_SECONDS
    ]
    if not 0 <= settings.port <= 65_535:
        found.append("TOKENBOOTH_PORT: 0 to 65535")
    found += [
        f"{PREFIX}{name.upper()}: 0 for no limit, or more"
        for name in ("failures_per_client", "failures_per_source")
        if getattr(settings, name) < 0
    ]
    if not 60 <= settings.session_idle_seconds <= settings.session_seconds <= 30 * 86_400:
        found.append(
            "TOKENBOOTH_SESSION_IDLE_SECONDS and TOKENBOOTH_SESSION_SECONDS: at least 60, at most "
            "30 days, and the first no longer than the second"
        )
    if not 0 <= settings.log_sample <= 1:
        found.append("TOKENBOOTH_LOG_SAMPLE: a share from 0 to 1")
    if not 1 <= settings.audit_window_seconds <= 86_400:
        found.append("TOKENBOOTH_AUDIT_WINDOW_SECONDS: 1 to 86400 seconds")
    found += [
        f"{PREFIX}{name.upper()}: 1 to 400 days"
        for name in ("refusals_kept_days", "usage_kept_days")
        if not 1 <= getattr(settings, name) <= 400
    ]
    if not 1 <= settings.failure_window_seconds <= 86_400:
        found.append("TOKENBOOTH_FAILURE_WINDOW_SECONDS: 1 to 86400 seconds")
    return found


def issuer_url_mistakes(url: str) -> list[str]:
    """Return what is wrong with an issuer identifier (RFC 8414 §2), empty if nothing is."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ["not a URL"]
    found = []
    if not _URL_CHARACTERS.fullmatch(url):
        found.append("a URL has no spaces and none but ASCII characters")
    if "@" in parts.netloc:
        found.append("leave out the user name: an issuer is public")
    if parts.scheme not in ("https", "http") or not host:
        found.append("an issuer is an https:// URL")
    elif parts.scheme == "http" and not is_loopback(host):
        found.append("plain http is accepted on loopback only; use https://")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        found.append("an issuer has no query and no fragment")
    if url.endswith("/"):
        found.append("leave out the slash at the end: issuers are compared letter by letter")
    return found


def is_loopback(host: str) -> bool:
    """Whether `host` can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_names(text: str) -> tuple[str, ...]:
    """Read comma-separated names."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
