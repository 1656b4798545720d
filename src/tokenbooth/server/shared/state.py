"""All that one process shares through Valkey or Redis, put together."""

import contextlib
from collections.abc import AsyncIterator
from typing import Self

from tokenbooth.remote.secret_source import secret_reader
from tokenbooth.server.logs import Logger
from tokenbooth.server.rate_limit import FailureBudgets
from tokenbooth.server.redis_address import RedisAddress
from tokenbooth.server.secrets import SecretOffice
from tokenbooth.server.settings import Settings
from tokenbooth.server.shared.failures import SharedFailures
from tokenbooth.server.shared.link import Link
from tokenbooth.server.shared.quota_pool import SharedPool


class SharedState:
    """Budgets and quotas that all processes of all nodes keep together."""

    def __init__(self, link: Link, settings: Settings, budgets: FailureBudgets) -> None:
        self.link = link
        self.pool = SharedPool(link)
        self._failures = SharedFailures(budgets, link, window=settings.failure_window_seconds)

    @classmethod
    def of(
        cls, settings: Settings, budgets: FailureBudgets, secrets: SecretOffice, log: Logger
    ) -> Self:
        """Return what the settings ask for; nothing is connected yet."""
        return cls(link_of(settings, secrets, log), settings, budgets)

    @property
    def is_up(self) -> bool:
        """Whether the server can be asked now."""
        return self.link.is_up

    @property
    def calls(self) -> int:
        """How often it was asked since this process started."""
        return self.link.calls

    @property
    def losses(self) -> int:
        """How often it was lost or not reached."""
        return self.link.losses

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Share while inside; begins once the others' failures are known, or it is away."""
        async with self.link.running(self._failures):
            yield


def link_of(settings: Settings, secrets: SecretOffice | None, log: Logger) -> Link:
    """Return the link that the settings name; without secrets one to look at the server alone."""
    # From the pepper: all nodes of one database have the same, and no other service has it.
    name = secrets.derive(b"names in a shared memory")[:8].hex() if secrets else "check"
    password = settings.redis_password
    return Link(
        RedisAddress.parse(settings.redis or ""),
        password=secret_reader(password, "password of Redis") if password else None,
        namespace=f"tokenbooth:{name}",
        log=log,
    )
