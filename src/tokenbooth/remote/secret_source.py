"""Where a client secret comes from: the environment, a file or a function, never the code."""

import os
from collections.abc import Callable
from pathlib import Path

from tokenbooth.protocol.secret import Secret

SecretSource = str | Secret | Callable[[], str | Secret]

MAX_SECRET_BYTES = 64 * 1024


class SecretUnavailable(Exception):
    """The secret cannot be read; the text starts with the fix and never shows it."""


def secret_reader(source: SecretSource) -> Callable[[], Secret]:
    """Return what reads the secret, anew each time: a rotated one is seen without a restart.

    Takes "env:NAME", "file:PATH" (one line break at its end does not count), a Secret, or a
    function; raises ValueError for any other text, which may be a secret in clear.
    """
    if isinstance(source, Secret):
        return lambda: _filled(source, "a Secret")
    if callable(source):
        return lambda: _returned(source)
    if not isinstance(source, str):
        raise TypeError('secret must be "env:NAME", "file:PATH", a Secret or a function')
    kind, _, place = source.partition(":")
    if kind == "env" and place:
        return lambda: _from_environment(place)
    if kind == "file" and place:
        return lambda: _from_file(Path(place))
    raise ValueError(
        'Write the secret as "env:NAME" or "file:PATH", or pass a function that returns it: '
        "texts in code end up in repositories. (A Secret object is taken as it is.)"
    )


def _from_environment(name: str) -> Secret:
    text = os.environ.get(name)
    if text is None:
        raise SecretUnavailable(f"Set the environment variable {name}: it should hold the secret.")
    return _filled(Secret(_without_line_break(text)), f"the environment variable {name}")


def _from_file(path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        if len(content) > MAX_SECRET_BYTES:
            raise SecretUnavailable(f"Check the file {path}: it is too large for a secret.")
        text = content.decode("utf-8")
    except OSError as error:
        raise SecretUnavailable(f"Check the file {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        # Without the cause: its text would show bytes of the file.
        raise SecretUnavailable(f"Check the file {path}: it is no UTF-8 text.") from None
    return _filled(Secret(_without_line_break(text)), f"the file {path}")


def _returned(function: Callable[[], str | Secret]) -> Secret:
    value = function()
    return _filled(value if isinstance(value, Secret) else Secret(value), "the function's result")


def _filled(secret: Secret, origin: str) -> Secret:
    if not secret:
        raise SecretUnavailable(f"Fill {origin}: it is empty.")
    try:
        secret.reveal().encode("utf-8")
    except UnicodeEncodeError:
        # Python reads foreign bytes of the environment as surrogates, which nobody can send.
        raise SecretUnavailable(f"Check {origin}: it is no UTF-8 text.") from None
    return secret


def _without_line_break(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
