"""What PostgreSQL's errors mean, and after which of them it is safe to ask again."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tokenbooth.server.stores.contract import AlreadyExists, StoreError, StoreUnavailable
from tokenbooth.server.stores.postgres_url import shown

# What the server ends a transaction for although nothing is wrong with it (SQLSTATE):
# serialization failure, deadlock; a foreign key, a unique constraint; a plan that a migration
# made useless.
_COLLISIONS = {"40001", "40P01", "23503", "23505", "0A000"}
# The server stops, ended the session, starts, or has no connection left.
_LOST = {"57P01", "57P02", "57P03", "57P05", "25P03", "53300"}
_TAKES_NO_WRITES = "25006"
_LOCK_NOT_GIVEN = "55P03"
_MEANINGS = {
    "28": "refuses the user or the password",
    "3D": "has no database of that name",
    "53300": "has no connection left for us",
    "53": "has no room for more data",
    "57014": "took too long",
    "55P03": "took too long: another transaction holds a lock",
    "25006": "takes no writes: it is a standby, or set to read only",
    "42501": "refuses the user what the service needs",
}


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's code of what went wrong; nothing when it never answered."""
    codes = (getattr(cause, "sqlstate", None) for cause in _causes(error))
    return next((code for code in codes if isinstance(code, str)), "")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = getattr(cause, "orig", None) or cause.__cause__


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, and another one may do.

    Of a statement that was under way nobody knows whether it was done.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    code = sqlstate(error)
    if code:
        return code.startswith("08") or code in _LOST
    causes = list(_causes(error))
    if any(isinstance(cause, TimeoutError) for cause in causes):  # we have waited long enough
        return False
    # The driver's own confusion is that of a session which ends in this very moment.
    gone = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    return any(isinstance(cause, gone) for cause in causes)


def is_standby(error: BaseException) -> bool:
    """Whether the server refused a write because it takes none: another one may be in charge."""
    return sqlstate(error) == _TAKES_NO_WRITES


def is_collision(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again; it was rolled back."""
    return sqlstate(error) in _COLLISIONS


def is_passing(error: BaseException) -> bool:
    """Whether what only reads may succeed when it is asked again."""
    return is_lost(error) or is_collision(error)


def is_lock_refused(error: BaseException) -> bool:
    """Whether others held a lock for longer than we wait; nothing happened."""
    return sqlstate(error) == _LOCK_NOT_GIVEN


def is_bad_value(error: BaseException) -> bool:
    """Whether the statement was refused for what a caller put into it; nothing happened."""
    if sqlstate(error).startswith("22"):
        return True
    return isinstance(error, (OverflowError, UnicodeError))


@contextmanager
def as_store_errors(url: str) -> Iterator[None]:
    """Raise what the driver and SQLAlchemy raise as StoreError."""
    try:
        yield
    except IntegrityError as error:
        raise AlreadyExists("Something of that name is there already.") from error
    except (
        SQLAlchemyError,
        PoolTimeout,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        if isinstance(error, DBAPIError) and isinstance(error.orig, (UnicodeError, ValueError)):
            raise StoreError("A value is not one that a database can hold.") from error
        if isinstance(error, asyncpg.DataError):
            raise StoreError("A value is not one that a database can hold.") from error
        if any(isinstance(cause, asyncpg.ClientConfigurationError) for cause in _causes(error)):
            raise StoreUnavailable(
                f"The URL of the database {shown(url)} cannot be used: look at what follows its"
                " '?', and at the files that it names."
            ) from error
        raise StoreUnavailable(f"The database {shown(url)} {_meaning(error)}.") from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError("A value is not one that a database can hold.") from error


def _meaning(error: BaseException) -> str:
    code = sqlstate(error)
    if not code:
        if isinstance(error, (PoolTimeout, TimeoutError)):
            return "took too long"
        if any(
            isinstance(each, asyncpg.TargetServerAttributeNotMatched) for each in _causes(error)
        ):
            return "has no server that takes writes now"
        return "cannot be reached"
    return _MEANINGS.get(code) or _MEANINGS.get(code[:2]) or f"refused a statement ({code})"
