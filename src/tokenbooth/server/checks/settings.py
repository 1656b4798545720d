"""Checks of the settings alone: where the service listens, whom it trusts, what has no effect."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from urllib.parse import urlsplit

from tokenbooth.protocol.networks import parse_networks
from tokenbooth.server.checks.finding import Finding, advice, error, warning
from tokenbooth.server.settings import PREFIX, Settings, is_loopback

_MANY_CORES = 4
_LONG_SESSION_SECONDS = 7 * 86_400
_FEWEST_BITS = {4: 8, 6: 32}  # of a network that one proxy setup can still fill


def check_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the settings themselves show."""
    yield from _listening(settings)
    yield from _proxies(settings)
    yield from _limits(settings)
    yield from _size(settings)
    yield from _without_effect(settings, environment)


def _listening(settings: Settings) -> Iterator[Finding]:
    is_public = not is_loopback(settings.host)
    if settings.issuer_url is None:
        if is_public and not settings.tls_cert:
            yield error(
                "issuer_url_missing",
                f"The service listens on {settings.host} and does not know its public URL.",
                "Set TOKENBOOTH_ISSUER_URL to the https:// URL that clients use.",
            )
        return
    url = urlsplit(settings.issuer_url)
    if is_public and is_loopback(url.hostname or ""):
        yield error(
            "issuer_url_loopback",
            f"The issuer is {settings.issuer_url}, and the service listens on {settings.host}: "
            "clients elsewhere cannot follow what the metadata says.",
            "Set TOKENBOOTH_ISSUER_URL to the https:// URL that clients use.",
        )
    elif is_public and not settings.tls_cert and not settings.trusted_proxy:
        yield warning(
            "plain_http",
            f"The service listens on {settings.host} in plain http, and no proxy is named.",
            "Set TOKENBOOTH_TLS_CERT and TOKENBOOTH_TLS_KEY; or let a proxy end TLS, name it in "
            "TOKENBOOTH_TRUSTED_PROXY, and let nobody else reach this port.",
        )
    elif url.scheme == "https" and not settings.tls_cert and not settings.trusted_proxy:
        yield warning(
            "proxy_not_named",
            "A proxy ends TLS and is not named, so all clients seem to come from its address.",
            "Set TOKENBOOTH_TRUSTED_PROXY to the proxy's address.",
        )
    if settings.demo and is_public:
        yield warning(
            "demo",
            "The demo runs on a public address; its clients' secrets were printed.",
            "Start without TOKENBOOTH_DEMO, on a new database.",
        )


def _proxies(settings: Settings) -> Iterator[Finding]:
    for network in parse_networks(settings.trusted_proxy):
        if network.prefixlen >= _FEWEST_BITS[network.version]:
            continue
        header = " and certificate" if settings.client_certificate_header else ""
        yield error(
            "trusted_proxy_wide",
            f"{network} may be any address: everybody can write the address{header} that counts.",
            "Set TOKENBOOTH_TRUSTED_PROXY to the networks of your proxies alone.",
        )


def _limits(settings: Settings) -> Iterator[Finding]:
    budgets = (settings.failures_per_client, settings.failures_per_source)
    if 0 in budgets:
        yield warning(
            "failure_budgets_off",
            "Failed attempts are not limited: secrets that were brought from elsewhere can be "
            "guessed at any rate.",
            "Leave TOKENBOOTH_FAILURES_PER_CLIENT and TOKENBOOTH_FAILURES_PER_SOURCE above 0.",
        )
    elif settings.failures_observe:
        yield warning(
            "failures_observed",
            "Failed attempts are only logged, none is refused.",
            'Look for "observed" in the log, then unset TOKENBOOTH_FAILURES_OBSERVE.',
        )
    for network in parse_networks(settings.failures_exempt):
        if network.prefixlen == 0:
            yield warning(
                "failures_exempt_wide",
                f"TOKENBOOTH_FAILURES_EXEMPT has {network}: nobody's failures count.",
                "Name the few networks that try credentials for others.",
            )
    if settings.session_seconds > _LONG_SESSION_SECONDS:
        yield advice(
            "sessions_long",
            f"Somebody stays signed in for {settings.session_seconds / 86_400:g} days.",
            "Set TOKENBOOTH_SESSION_SECONDS to a day or a few.",
        )


def _size(settings: Settings) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    if settings.workers == 1 and cores >= _MANY_CORES:
        yield advice(
            "workers_few",
            f"One worker uses one of {cores} cores.",
            f"Set TOKENBOOTH_WORKERS, up to {cores}.",
        )
    elif settings.workers > 2 * cores:
        yield advice(
            "workers_many",
            f"{settings.workers} workers share {cores} cores; each takes its memory.",
            f"Set TOKENBOOTH_WORKERS to about {cores}.",
        )
    if settings.log_level == "debug":
        yield advice("log_debug", "The log has everything.", "Set TOKENBOOTH_LOG_LEVEL=info.")


def _without_effect(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    proxied = bool(settings.trusted_proxy)
    needs = {
        "client_certificate_header": (proxied, "TOKENBOOTH_TRUSTED_PROXY"),
        "proxied_certificates_verified": (proxied, "TOKENBOOTH_TRUSTED_PROXY"),
        "mtls_url": (bool(settings.certificate_methods), "TOKENBOOTH_TLS_CLIENT_CA or a proxy"),
        "sso_client_secret": (bool(settings.sso_issuer), "TOKENBOOTH_SSO_ISSUER"),
        "redis_password": (bool(settings.redis), "TOKENBOOTH_REDIS"),
        "sso_label": (bool(settings.sso_issuer), "TOKENBOOTH_SSO_ISSUER"),
    }
    if settings.failures_per_client == settings.failures_per_source == 0:
        for name in ("failures_observe", "failures_exempt", "failure_window_seconds"):
            needs[name] = (False, "a limit of failures")
    for setting in fields(Settings):
        has_effect, what = needs.get(setting.name, (True, ""))
        variable = PREFIX + setting.name.upper()
        # An empty header is a decision that holds whatever else is set.
        if not has_effect and environment.get(variable):
            yield advice(
                "setting_without_effect",
                f"{variable} is set and does nothing without {what}.",
                "Remove it, or set both.",
            )
    known = {PREFIX + setting.name.upper() for setting in fields(Settings)}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            yield advice(
                "setting_unknown",
                f"{name} is no setting of the service.",
                "See docs/settings.md for the names; give secrets of others another prefix.",
            )
