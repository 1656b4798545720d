"""Puts the parts of one running service together."""

from tokenbooth.protocol.forwarded_certificate import ForwardingHeader
from tokenbooth.protocol.networks import parse_networks
from tokenbooth.remote.fetch import Fetch
from tokenbooth.server.activity import Activity
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.imported_secrets import ImportedSecrets
from tokenbooth.server.issuer_view import CertificateOffer
from tokenbooth.server.keyring import Keyring
from tokenbooth.server.last_uses import LastUses
from tokenbooth.server.logs import Logger
from tokenbooth.server.metrics.facts import FactFinder
from tokenbooth.server.quota import Quotas
from tokenbooth.server.rate_limit import FailureBudgets
from tokenbooth.server.readiness import Readiness
from tokenbooth.server.registry import Registry
from tokenbooth.server.remote_keys import RemoteKeys
from tokenbooth.server.repeats import Repeats
from tokenbooth.server.replays import KnownReplays
from tokenbooth.server.service import Service
from tokenbooth.server.settings import Settings
from tokenbooth.server.shared.opening import open_shared


def new_registry(booth: Booth, *, base_url: str) -> Registry:
    """Return a registry that knows nothing until it is refreshed."""
    settings = booth.settings
    return Registry(
        store=booth.store,
        keyring=Keyring(booth.vault),
        dialects=booth.dialects,
        clock=booth.clock,
        base_url=base_url,
        cache_size=settings.client_cache_size,
        offer=CertificateOffer(methods=settings.certificate_methods, url=settings.mtls_url),
    )


def assemble(booth: Booth, registry: Registry, *, fetch: Fetch, log: Logger) -> Service:
    """Return the service around a registry; raises SettingsRefused. Nothing runs yet.

    `fetch` gets what clients and outside issuers publish.
    """
    settings = booth.settings
    readiness = Readiness()
    failures = FailureBudgets.of(settings, booth.clock)
    shared = open_shared(settings, failures, booth.secrets, log)
    forwarding = _forwarding_header(settings)
    return Service(
        settings=settings,
        store=booth.store,
        registry=registry,
        secrets=booth.secrets,
        imported_secrets=ImportedSecrets(
            store=booth.store, secrets=booth.secrets, clock=booth.clock
        ),
        last_uses=LastUses(),
        activity=Activity(registry, booth.clock, window=settings.audit_window_seconds),
        remote_keys=RemoteKeys(fetch, booth.clock),
        failures=failures,
        quotas=Quotas(booth.store, pool=shared.pool if shared else None),
        shared=shared,
        replays=KnownReplays(booth.store),
        clock=booth.clock,
        trusted_proxies=parse_networks(settings.trusted_proxy),
        forwarding_header=forwarding,
        metrics=booth.metrics,
        readiness=readiness,
        repeats=Repeats(
            registry,
            capacity=settings.client_cache_size,
            certificate_header=forwarding.name if forwarding else None,
        ),
        facts=FactFinder(booth.store, readiness, booth.clock),
    )


def _forwarding_header(settings: Settings) -> ForwardingHeader | None:
    header = settings.client_certificate_header
    return ForwardingHeader.parse(header) if header else None
