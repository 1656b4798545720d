"""Bringing a database's tables up to date; Alembic is loaded only when there is something to do."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tokenbooth.server.stores.contract import StoreUnavailable

# The newest file in migrations/versions.
HEAD = "0004"


def migrate(connection: Connection) -> None:
    """Run the migrations that the database lacks, within the connection's transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # Config values are %-templates.
    folder = str(Path(__file__).with_name("migrations")).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(
            "The database was made by a newer version of this program; run that version."
        ) from error


def revision(connection: Connection) -> str | None:
    """Return the newest migration that the database has seen; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def has_tables(connection: Connection) -> bool:
    """Whether anything is in the database."""
    return bool(inspect(connection).get_table_names())
