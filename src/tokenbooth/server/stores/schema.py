"""Bringing a database's tables up to date; Alembic is loaded only when there is something to do."""

from pathlib import Path

from sqlalchemy import Connection, Index, inspect, text

from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.tables import metadata

_BUILT = text(
    "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE indisvalid AND nspname = current_schema()"
)

# The newest file in migrations/versions.
HEAD = "0004"
_NEWER = "was made by a newer version of this program; run that version."


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
        raise StoreUnavailable(f"The database {_NEWER}") from error


def missing_indexes(connection: Connection) -> list[Index]:
    """Return the indexes that PostgreSQL lacks, or has begun to build and not finished.

    Migrations leave out those on tables that may be large: building one in their transaction
    would keep everybody from writing to its table until the end.
    """
    built = set(connection.scalars(_BUILT))
    return [
        index
        for table in metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda each: str(each.name))
        if index.name not in built
    ]


def not_up_to_date(shown: str, seen: str | None) -> StoreUnavailable:
    """Return why a database whose newest migration is `seen` cannot be used as it is."""
    if seen is not None and seen > HEAD:
        return StoreUnavailable(f"The database {shown} {_NEWER}")
    return StoreUnavailable(f"The database {shown} is not up to date; run: tokenbooth migrate")


def revision(connection: Connection) -> str | None:
    """Return the newest migration that the database has seen; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def has_tables(connection: Connection) -> bool:
    """Whether anything is in the database."""
    return bool(inspect(connection).get_table_names())
