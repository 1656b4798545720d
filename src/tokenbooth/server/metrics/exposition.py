"""All that is counted and measured, as Prometheus and OpenMetrics write it."""

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

import tokenbooth
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.metrics import families
from tokenbooth.server.metrics.facts import Counted, Facts
from tokenbooth.server.metrics.families import BUCKETS, Family
from tokenbooth.server.metrics.numbers import Numbers, Part, Series
from tokenbooth.server.records import StoredKey
from tokenbooth.server.rotation import DAY, current_key

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LE = [*(str(bound) for bound in BUCKETS), "+Inf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that is told, as of one moment."""

    numbers: Numbers
    facts: Facts
    issuers: Mapping[str, IssuerView]
    now: float
    monotonic: float

    def collect(self) -> Iterator[Metric]:
        """Give all families, as prometheus-client asks for them."""
        parts = list(self.numbers.parts())
        yield from _summed(parts)
        yield from _of_workers(parts, self.monotonic)
        yield from _measured(self)
        yield _gauge(families.WORKERS, [((), sum(part.lives for part in parts))])


def write(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """Return the text and its media type, as the reader prefers it."""
    if "application/openmetrics-text" in accept:
        from prometheus_client.openmetrics.exposition import generate_latest

        text: bytes = generate_latest(snapshot, version="1.0.0")  # type: ignore[no-untyped-call] # theirs has no types
        return text, OPEN_METRICS
    from prometheus_client.exposition import generate_latest as generate_text

    return generate_text(snapshot), TEXT


def _summed(parts: Iterable[Part]) -> Iterator[Metric]:
    """Add up what all workers counted, those that are gone too."""
    sums: dict[Series, tuple[float, ...]] = {}
    for part in parts:
        for series, values in part.series.items():
            before = sums.get(series)
            sums[series] = (
                values
                if before is None
                else tuple(a + b for a, b in zip(before, values, strict=True))
            )
    _sum_up_tokens(sums)
    for family in families.COUNTED:
        mine = sorted((series[1:], sums[series]) for series in sums if series[0] == family.name)
        if family.kind == "histogram":
            yield _histogram(family, mine)
        else:
            yield _counter(family, ((labels, values[0]) for labels, values in mine))


def _sum_up_tokens(sums: dict[Series, tuple[float, ...]]) -> None:
    # Token requests are timed by issuer alone: to time them twice would take time for nothing.
    by_issuer = [
        values for series, values in sums.items() if series[0] == families.TOKEN_SECONDS.name
    ]
    if by_issuer:
        all_of_them = tuple(map(sum, zip(*by_issuer, strict=True)))
        sums[families.HTTP_SECONDS.name, "token"] = all_of_them


def _of_workers(parts: Iterable[Part], monotonic: float) -> Iterator[Metric]:
    living = [part for part in parts if part.lives]
    for family in families.OF_WORKERS:
        found = [
            ((part.worker,), part.series[(family.name,)][0])
            for part in living
            if (family.name,) in part.series
        ]
        if family is families.REGISTRY_SEEN:
            found = [(labels, max(0.0, monotonic - seen)) for labels, seen in found]
        yield _counter(family, found) if family.kind == "counter" else _gauge(family, found)


def _measured(snapshot: Snapshot) -> Iterator[Metric]:
    facts, issuers = snapshot.facts, snapshot.issuers
    build = (tokenbooth.__version__, platform.python_version())
    yield _gauge(families.BUILD_INFO, [(build, 1)])
    yield _gauge(families.DATABASE_UP, [((), facts.database_up)])
    if facts.revision is not None:
        yield _gauge(families.DATABASE_REVISION, [((), facts.revision)])
    if facts.audit_head is not None:
        yield _gauge(families.AUDIT_HEAD, [((), facts.audit_head)])
    usable = [((name,), view.unusable is None) for name, view in sorted(issuers.items())]
    yield _gauge(families.ISSUER_USABLE, usable)
    lifetimes = [
        ((name,), view.record.policy.key_lifetime_days * DAY)
        for name, view in sorted(issuers.items())
    ]
    yield _gauge(families.KEY_LIFETIME, lifetimes)
    if facts.counted is not None:
        yield from _counted(facts.counted, issuers, snapshot.now)


def _counted(counted: Counted, issuers: Iterable[str], now: float) -> Iterator[Metric]:
    names = sorted(issuers)
    # None is told too: what was never there cannot be compared to what comes.
    clients = [
        ((name, status), counted.clients.get((name, enabled), 0))
        for name in names
        for status, enabled in (("enabled", True), ("disabled", False))
    ]
    yield _gauge(families.CLIENTS, clients)
    ending = {(name, "secret", window): 0 for name in names for window in counted.ending}
    for window, found in counted.ending.items():
        ending |= {(issuer, kind, window): count for (issuer, kind), count in found.items()}
    yield _gauge(families.SECRETS_EXPIRING, sorted(ending.items()))
    keys: dict[tuple[str, ...], int] = {}
    ages: dict[tuple[str, ...], float] = {}
    for name in names:
        for purpose in ("sign", "seal"):
            own = [key for key in counted.keys if (key.issuer, key.purpose) == (name, purpose)]
            current = current_key(own, now)
            for state in ("next", "current", "retired"):
                keys[name, purpose, state] = sum(_state(key, current, now) == state for key in own)
            if purpose == "sign" and current is not None:
                ages[name,] = max(0.0, now - current.activates_at)
    yield _gauge(families.KEYS, keys.items())
    yield _gauge(families.KEY_AGE, ages.items())


def _state(key: StoredKey, current: StoredKey | None, now: float) -> str:
    if key == current:
        return "current"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"  # a row that is kept for a while, and no key any more
    return "next" if key.activates_at > now else "retired"


_Values = Iterable[tuple[tuple[str, ...], float]]


def _counter(family: Family, values: _Values) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values:
        metric.add_metric(labels, value)
    return metric


def _gauge(family: Family, values: _Values) -> Metric:
    metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values:
        metric.add_metric(labels, value)
    return metric


def _histogram(
    family: Family, values: Iterable[tuple[tuple[str, ...], tuple[float, ...]]]
) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, (*counts, total) in values:
        buckets = list(zip(_LE, accumulate(counts), strict=True))
        metric.add_metric(labels, buckets, total)
    return metric
