"""Where the client secret comes from; it is read anew for each token request.

So a rotated secret is in force without a restart.
"""

import inspect
import os
from collections.abc import Callable
from pathlib import Path

from tokenbooth.client.errors import ConfigurationRefused, SecretUnavailable
from tokenbooth.protocol.secret import Secret

SecretSource = str | Secret | Callable[[], str | Secret]

MAX_SECRET_BYTES = 65_536


def secret_reader(source: SecretSource, what: str = "client secret") -> Callable[[], Secret]:
    """Return the function that reads the secret; raises ConfigurationRefused.

    `"env:NAME"` is a variable, `"file:PATH"` a file, a function is called, a `Secret` is the
    secret itself. Line breaks at the end are no part of a secret, wherever it comes from.
    `what` is how errors call it.
    """
    if isinstance(source, Secret):
        return lambda: _without_line_break(source.reveal(), "The given secret is empty.")
    if isinstance(source, str):
        kind, colon, place = source.partition(":")
        if colon and place and kind == "env":
            return lambda: _from_environment(place, what)
        if colon and place and kind == "file":
            return lambda: _from_file(place, what)
        # A secret in the source code, and in this text, would be a leak: so it is not quoted.
        raise ConfigurationRefused(
            'Say where the secret is: secret="env:NAME", secret="file:PATH" or a function. '
            "A secret that is at hand goes in as Secret(...), so that nothing can show it."
        )
    if inspect.iscoroutinefunction(source):
        raise ConfigurationRefused("Give the secret as text, Secret or plain (not async) function.")
    return lambda: _from_function(source)


def _from_environment(name: str, what: str) -> Secret:
    text = os.environ.get(name)
    if text is None:
        raise SecretUnavailable(
            f"Set the environment variable {name} to the {what}: it is not set."
        )
    return _without_line_break(
        text, f"Set the environment variable {name} to the {what}: it is empty."
    )


def _from_file(name: str, what: str) -> Secret:
    try:
        with Path(name).expanduser().open("rb") as file:
            data = file.read(MAX_SECRET_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "there can be no such file"
        raise SecretUnavailable(f"Make the file {name!r} readable: {why}.") from error
    if len(data) > MAX_SECRET_BYTES:
        raise SecretUnavailable(f"Check the file {name!r}: it is too large for a {what}.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        # Its details quote what the file holds.
        raise SecretUnavailable(f"Write the {what} as UTF-8 into {name!r}.") from None
    return _without_line_break(text, f"Write the {what} into {name!r}: it is empty.")


def _from_function(function: Callable[[], str | Secret]) -> Secret:
    try:
        found: object = function()
    except Exception as error:  # noqa: BLE001 - it is the user's function.
        # The error's own text may quote the secret; its class cannot.
        raise SecretUnavailable(
            f"Make the secret's function work: it raised {type(error).__name__}."
        ) from None
    text = found.reveal() if isinstance(found, Secret) else found
    if not isinstance(text, str):
        raise SecretUnavailable("Make the secret's function return str or Secret.")
    return _without_line_break(text, "Make the secret's function return a secret: it is empty.")


def _without_line_break(text: str, when_empty: str) -> Secret:
    text = text.rstrip("\r\n")
    if not text:
        raise SecretUnavailable(when_empty)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise SecretUnavailable("Write the client secret as UTF-8: it is not.") from None
    return Secret(text)
