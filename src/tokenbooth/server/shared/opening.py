"""Opens what is shared, where the settings name a server; without them nothing is imported."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from tokenbooth.server.logs import Logger
from tokenbooth.server.quota import Pool
from tokenbooth.server.rate_limit import FailureBudgets
from tokenbooth.server.redis_address import NO_DRIVER, has_driver
from tokenbooth.server.secrets import SecretOffice
from tokenbooth.server.settings import Settings, SettingsRefused


class Shared(Protocol):
    """What this process shares with all others through Valkey or Redis."""

    @property
    def pool(self) -> Pool:
        """Where quotas are drawn from."""

    @property
    def is_up(self) -> bool:
        """Whether the server can be asked now."""

    @property
    def calls(self) -> int:
        """How often it was asked since this process started."""

    @property
    def losses(self) -> int:
        """How often it was lost or not reached."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Share while inside; begins once the others' failures are known, or it is away."""


def open_shared(
    settings: Settings, budgets: FailureBudgets, secrets: SecretOffice, log: Logger
) -> Shared | None:
    """Return what the settings ask for, if anything; raises SettingsRefused."""
    if not settings.redis:
        return None
    check_driver(settings)
    # Imported here: the driver is an extra, and slow to import.
    from tokenbooth.server.shared.state import SharedState

    return SharedState.of(settings, budgets, secrets, log)


def check_driver(settings: Settings) -> None:
    """Raise SettingsRefused when the settings need a driver that is not installed."""
    if settings.redis and not has_driver():
        raise SettingsRefused(NO_DRIVER)


@asynccontextmanager
async def sharing(shared: Shared | None) -> AsyncIterator[None]:
    """Share while inside, if there is anything to share."""
    if shared is None:
        yield
        return
    async with shared.running():
        yield
