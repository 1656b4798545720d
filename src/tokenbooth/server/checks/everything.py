"""All checks, the worst findings first; nothing is changed by looking."""

from collections.abc import Mapping, Sequence

from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.server.bootstrap import master_key_file
from tokenbooth.server.checks.certificate import check_certificate
from tokenbooth.server.checks.content import Content, check_content
from tokenbooth.server.checks.files import check_files
from tokenbooth.server.checks.finding import LEVELS, Finding, advice, error
from tokenbooth.server.checks.redis import check_redis
from tokenbooth.server.checks.settings import check_settings
from tokenbooth.server.checks.synchronisation import check_synchronisation
from tokenbooth.server.settings import PREFIX, Settings, SettingsRefused, given_by_file
from tokenbooth.server.stores.contract import Store, StoreError
from tokenbooth.server.vault import VaultError, open_vault


async def check_everything(
    environment: Mapping[str, str], *, clock: Clock = SYSTEM_CLOCK, **overrides: str | None
) -> tuple[Finding, ...]:
    """Return what is wrong with the service that would start from this environment.

    The overrides are settings, which go first unless they are None.
    """
    # Imported here: SQLAlchemy is slow to import, and a wrong setting is told without it.
    from tokenbooth.server.stores.sqlite import sqlite_path

    try:
        settings = Settings.load(environment, **overrides)
    except SettingsRefused as refused:
        mistakes = str(refused).splitlines()
        return tuple(
            error("setting_refused", mistake, "Correct it: the service does not start like this.")
            for mistake in mistakes
        )
    in_file, _ = given_by_file(environment, overrides)
    given = {f"{PREFIX}{name.upper()}": str(value) for name, value in in_file.items()}
    found = [
        *check_settings(settings, {**given, **environment}),
        *check_certificate(settings, clock.now()),
        *check_synchronisation(),
    ]
    try:
        file = sqlite_path(settings.database)
        found += check_files(settings, file)
        found += await check_redis(settings)
        if file is not None and not file.exists():
            found.append(
                advice(
                    "database_missing", f"There is no database {file} yet.", "The start makes it."
                )
            )
        else:
            found += await _check_database(settings, clock, is_postgres=file is None)
    except StoreError as mistake:
        found.append(error("database_unusable", str(mistake), "Nothing in it was looked at."))
    return tuple(sorted(found, key=lambda each: LEVELS.index(each.level)))


async def _check_database(
    settings: Settings, clock: Clock, *, is_postgres: bool
) -> Sequence[Finding]:
    from tokenbooth.server.stores.sql import open_store

    store = await open_store(settings.database, create=False, limits=settings.database_limits)
    try:
        found = await _check_master_key(settings, store)
        try:
            dialects = settings.load_dialects()
        except SettingsRefused as refused:
            return [*found, error("dialect_refused", str(refused), "Correct the file.")]
        if is_postgres:
            from tokenbooth.server.checks.postgres import check_postgres

            found += await check_postgres(settings, clock.now())
        content = Content(settings=settings, store=store, dialects=dialects, clock=clock)
        return [*found, *[each async for each in check_content(content)]]
    finally:
        await store.close()


async def _check_master_key(settings: Settings, store: Store) -> list[Finding]:
    """See whether the key is there and opens what is sealed under it."""
    keys = await store.list_keys()
    if not keys:
        return []  # the first start makes it
    try:
        vault = open_vault(master_key_file(settings), create=False)
        for key in keys:
            if key.purpose == "pepper":
                vault.unseal(key.kid, key.sealed)
    except VaultError as mistake:
        return [
            error(
                "master_key_unusable",
                str(mistake),
                "Without it no key can be used; see docs/operations.md, lost master key.",
            )
        ]
    return []
