"""Find a dialect by its name, or read one from a file of the user's own."""

from pathlib import Path

from tokenbooth.protocol.dialects import Dialect, DialectRefused, dialect_named, parse_dialect

MAX_DIALECT_BYTES = 65_536


def find_dialect(dialect: str | Dialect) -> Dialect:
    """Return the dialect of that name, or of that path if it ends in `.toml`.

    Raises DialectRefused, which names the file and the field.
    """
    if isinstance(dialect, Dialect):
        return dialect
    if not dialect.endswith(".toml"):
        return dialect_named(dialect)
    try:
        with Path(dialect).open("rb") as file:
            content = file.read(MAX_DIALECT_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        message = f"Check the dialect file {dialect}: {why}."
        raise DialectRefused(message) from error
    if len(content) > MAX_DIALECT_BYTES:
        message = f"Check the dialect file {dialect}: it is larger than {MAX_DIALECT_BYTES} bytes."
        raise DialectRefused(message)
    return parse_dialect(text, origin=dialect)
