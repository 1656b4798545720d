"""Checks of Valkey or Redis: who else may write there, and whether it can be used."""

from collections.abc import Iterator, Mapping

from tokenbooth.server.checks.finding import Finding, advice, error, warning
from tokenbooth.server.logs import get_logger
from tokenbooth.server.redis_address import NO_DRIVER, RedisAddress, has_driver
from tokenbooth.server.settings import Settings

_CAUSES: Mapping[str, str] = {
    "password_unreadable": "the file or variable of its password cannot be read",
    "password_refused": "it refuses the user or the password",
    "certificate_refused": "its certificate is not to be trusted",
    "not_permitted": "its user may not do what the service needs",
    "read_only": "it is a replica, and takes no writes",
    "full": "it has no memory left",
    "cluster": "it is a cluster, and the service needs a single server",
    "no_run_id": "it does not say which server it is (INFO server, run_id)",
    "loading": "it is still loading its data",
    "no_answer": "it does not answer in time",
    "unreachable": "it cannot be reached",
}


async def check_redis(settings: Settings) -> tuple[Finding, ...]:
    """Return what is wrong with the server that the settings name, if they name one."""
    if not settings.redis:
        return ()
    if not has_driver():
        return (error("redis_driver_missing", "The driver is not installed.", NO_DRIVER),)
    address = RedisAddress.parse(settings.redis)
    return (*_strangers(settings, address), *await _server(settings))


def _strangers(settings: Settings, address: RedisAddress) -> Iterator[Finding]:
    if not address.is_near and not address.is_encrypted:
        yield warning(
            "redis_not_encrypted",
            f"The connection to {address.shown} crosses the network without TLS.",
            "Use rediss://, with ?ssl_ca_certs=FILE for an authority of your own.",
        )
    has_password = bool(address.password or settings.redis_password)
    if not has_password and not address.socket:
        yield (advice if address.is_near else warning)(
            "redis_without_password",
            f"{address.shown} asks for no password: whoever reaches it can use up the budgets and "
            "quotas of others, or refill their own.",
            "Set one there, and here with TOKENBOOTH_REDIS_PASSWORD=file:PATH.",
        )


async def _server(settings: Settings) -> tuple[Finding, ...]:
    # Imported here: the driver is an extra, and slow to import.
    from tokenbooth.server.shared.link import Away
    from tokenbooth.server.shared.state import link_of

    link = link_of(settings, None, get_logger())
    try:
        memory = await link.examine()
    except Away:
        cause = _CAUSES.get(link.away_because, "it refuses a command that the service needs")
        return (
            warning(
                "redis_away",
                f"{link.address.shown} cannot be used: {cause}.",
                "Until it can be, each process counts failures and quotas by itself.",
            ),
        )
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory", "0") != "0" and policy != "noeviction":
        return (
            advice(
                "redis_evicts",
                f"{link.address.shown} throws out what it has no room for ({policy}): a failure "
                "or a quota may be forgotten early.",
                "Set maxmemory-policy noeviction there, and give it some megabytes.",
            ),
        )
    return ()
