"""What every endpoint of one running service works with."""

from dataclasses import dataclass

from tokenbooth.clock import Clock
from tokenbooth.protocol.forwarded_certificate import ForwardingHeader
from tokenbooth.protocol.networks import Networks
from tokenbooth.server.activity import Activity
from tokenbooth.server.imported_secrets import ImportedSecrets
from tokenbooth.server.last_uses import LastUses
from tokenbooth.server.metrics.counting import Metrics
from tokenbooth.server.metrics.facts import FactFinder
from tokenbooth.server.quota import Quotas
from tokenbooth.server.rate_limit import FailureBudgets
from tokenbooth.server.readiness import Readiness
from tokenbooth.server.registry import Registry
from tokenbooth.server.remote_keys import RemoteKeys
from tokenbooth.server.repeats import Repeats
from tokenbooth.server.replays import KnownReplays
from tokenbooth.server.secrets import SecretOffice
from tokenbooth.server.settings import Settings
from tokenbooth.server.shared.opening import Shared
from tokenbooth.server.stores.contract import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts, named once by the composition root."""

    settings: Settings
    store: Store
    registry: Registry
    secrets: SecretOffice
    imported_secrets: ImportedSecrets
    last_uses: LastUses
    activity: Activity
    remote_keys: RemoteKeys
    failures: FailureBudgets
    quotas: Quotas
    replays: KnownReplays
    clock: Clock
    trusted_proxies: Networks
    forwarding_header: ForwardingHeader | None  # of trusted proxies alone
    metrics: Metrics
    facts: FactFinder
    readiness: Readiness
    repeats: Repeats
    shared: Shared | None = None  # with other processes, through Valkey or Redis
