"""What it costs to run the service, by arithmetic from the measured figures."""

from bench.memory import PER_CLIENT
from bench.results import Results
from bench.table import Table

_KINDS = ("ES256", "EdDSA", "RS256", "PS256", "opaque")
_DAY = 86_400
_NODE_CORES = 4
_USED = 0.5  # of a node, so that a second one may fail
_HOURLY = 3_600
_CACHED = 100_000  # clients that a worker keeps in memory by default
# How many calls one token is used for.
_HABITS = (
    ("a token for every call", 1),
    ("a call a minute with an hourly token", 60),
    ("a call a second with an hourly token", 3_600),
)


def table(results: Results) -> Table:
    """Return the cost model; what was not measured is left out."""
    shown = Table(
        title="Cost model",
        columns=("what", "figure"),
        note="Tokens a second are 1 / CPU time in the calmest rounds. "
        f"A node has {_NODE_CORES} cores and is used to {_USED:.0%}, so that another may fail; "
        "APIs check tokens themselves.",
    )
    for kind in _KINDS:
        rate = _per_core(results, f"token, {kind}")
        if rate:
            shown.add(f"{kind} tokens a second and core", rate)
    for name, what in (
        ("refresh, rotated (writes)", "refreshes"),
        ("introspection, opaque", "introspections of opaque tokens"),
        ("revocation (writes)", "revocations"),
    ):
        rate = results.value("endpoints", name, "per second")
        if rate:
            shown.add(f"{what} a second, one worker on the clock", rate)
    per_client = results.value("memory", PER_CLIENT, "figure")
    if per_client:
        shown.add("bytes for a client in memory", per_client)
        shown.add(f"MB for {_CACHED:,} clients, the default at most", per_client * _CACHED / 2**20)
    rate = _per_core(results, "token, ES256")
    if rate:
        shown.add("clients with an hourly token, per core", rate * _HOURLY)
        for habit, calls in _HABITS:
            day = rate * _NODE_CORES * _USED * _DAY * calls
            shown.add(f"API calls a day and node: {habit}", _large(day))
    return shown


def _per_core(results: Results, row: str) -> float | None:
    cpu = results.value("endpoints", row, "calm CPU µs")
    return 1e6 / cpu if cpu else None


def _large(value: float) -> str:
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:,.1f} {word}"
    return f"{value:,.0f}"
