"""Checks of the PostgreSQL server itself."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from tokenbooth.server.checks.finding import Finding, advice, error, warning
from tokenbooth.server.settings import Settings, is_loopback
from tokenbooth.server.stores.postgres_facts import ask_postgres
from tokenbooth.server.stores.postgres_url import parse_url

_SLACK_SECONDS = 5.0
_WAYS = 2  # each process has a pool for either way to ask
_LISTENING = 1


async def check_postgres(settings: Settings, now: float) -> tuple[Finding, ...]:
    """Return what is wrong with the server; raises StoreError when it cannot be asked."""
    url = settings.database
    facts = await ask_postgres(url)
    found = [*_durability(facts.settings, settings)]
    if abs(facts.now - now) > _SLACK_SECONDS:
        found.append(
            error(
                "clock_differs",
                f"The database server's clock differs by {facts.now - now:+.0f} s from this one.",
                "Set both by NTP: nodes compare what others wrote with their own time.",
            )
        )
    if facts.is_read_only:
        found.append(
            error(
                "database_read_only",
                "The database server takes no changes: it is a standby, or told to be read-only.",
                "Name the primary in the URL, or all servers without target_session_attrs=any.",
            )
        )
    if not facts.is_encrypted and not _is_near(url):
        found.append(
            warning(
                "database_not_encrypted",
                "The connection to the database crosses the network without TLS.",
                "Add sslmode=verify-full and sslrootcert to the URL.",
            )
        )
    return tuple(found)


def _durability(values: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    for name in ("fsync", "full_page_writes"):
        if values.get(name) == "off":
            yield error(
                "database_may_lose_all",
                f"The database server runs with {name} = off: a crash can damage everything.",
                f"Set {name} = on there.",
            )
    if values.get("synchronous_commit") == "off":
        yield advice(
            "synchronous_commit_off",
            "The database server acknowledges before it has written; our sessions ask for more.",
            "Set synchronous_commit = on there, lest another program relies on it.",
        )
    wanted = settings.workers * connections_of_a_worker(settings)
    allowed = int(values.get("max_connections", wanted))
    if wanted > allowed:
        yield warning(
            "connections_few",
            f"The workers of this node may want {wanted} connections, the server allows {allowed}.",
            f"Raise max_connections above {wanted} times the number of nodes, or take fewer "
            "workers.",
        )


def connections_of_a_worker(settings: Settings) -> int:
    """Return how many connections one process may have at once."""
    return _WAYS * settings.database_pool_size + _LISTENING


def _is_near(url: str) -> bool:
    """Whether the server is on this machine, as far as the URL tells."""
    hosts, _ = parse_url(url)
    names = [urlsplit(f"//{host}").hostname for host in hosts.split(",")]
    return all(name is None or is_loopback(name) for name in names)
