"""Where a secret comes from: the environment, a file or a function, never the code."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path

from tokenbooth.protocol.secret import Secret

SecretSource = str | Secret | Callable[[], str | Secret]

MAX_SECRET_BYTES = 65_536


class SecretUnavailable(Exception):
    """The secret cannot be read; the text starts with the fix and never shows it."""


def secret_reader(source: SecretSource, what: str = "client secret") -> Callable[[], Secret]:
    """Return what reads the secret, anew each time: a rotated one is seen without a restart.

    `"env:NAME"` is a variable, `"file:PATH"` a file, a function is called, a `Secret` is the
    secret itself. Line breaks at the end are no part of a secret, wherever it comes from.
    `what` is how errors call it. Raises ValueError for any other text, which may be a secret in
    clear, and TypeError for what is no source at all.
    """
    if isinstance(source, Secret):
        return lambda: _checked(source.reveal(), f"Fill the {what}")
    if isinstance(source, str):
        kind, _, place = source.partition(":")
        if kind == "env" and place:
            return lambda: _from_environment(place, what)
        if kind == "file" and place:
            return lambda: _from_file(place, what)
        # A secret in the source code, and in this text, would be a leak: so it is not quoted.
        raise ValueError(
            'Say where the secret is: secret="env:NAME", secret="file:PATH" or a function. '
            "A secret that is at hand goes in as Secret(...), so that nothing can show it."
        )
    function: object = source  # which callers without type checks may have got wrong
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise TypeError("Give the secret as text, Secret or plain (not async) function.")
    return lambda: _from_function(source, what)


def raw_secret(place: str, what: str = "client secret") -> str:
    """Return what lies at `"env:NAME"` or `"file:PATH"`, line breaks and all.

    For whoever wants to know what is around a secret, or that nothing is in the place.
    """
    kind, _, name = place.partition(":")
    text, fix = _in_environment(name, what) if kind == "env" else _in_file(name, what)
    _refuse_foreign_bytes(text, fix)
    return text


def _from_environment(name: str, what: str) -> Secret:
    return _checked(*_in_environment(name, what))


def _in_environment(name: str, what: str) -> tuple[str, str]:
    fix = f"Set the environment variable {name} to the {what}"
    text = os.environ.get(name)
    if text is None:
        raise SecretUnavailable(f"{fix}: it is not set.")
    return text, fix


def _from_file(name: str, what: str) -> Secret:
    return _checked(*_in_file(name, what))


def _in_file(name: str, what: str) -> tuple[str, str]:
    try:
        with Path(name).expanduser().open("rb") as file:
            data = file.read(MAX_SECRET_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "there can be no such file"
        raise SecretUnavailable(f"Make the file {name!r} readable: {why}.") from error
    if len(data) > MAX_SECRET_BYTES:
        raise SecretUnavailable(f"Check the file {name!r}: it is too large for a {what}.")
    fix = f"Write the {what} as UTF-8 into {name!r}"
    try:
        return data.decode("utf-8"), fix
    except UnicodeDecodeError:
        # Without the cause: its text would show bytes of the file.
        raise SecretUnavailable(f"{fix}: it is no UTF-8 text.") from None


def _from_function(function: Callable[[], str | Secret], what: str) -> Secret:
    try:
        found: object = function()
    except Exception as error:  # noqa: BLE001 - it is the user's function.
        # The error's own text may quote the secret; its class cannot.
        raise SecretUnavailable(
            f"Make the function of the {what} work: it raised {type(error).__name__}."
        ) from None
    text = found.reveal() if isinstance(found, Secret) else found
    fix = f"Make the function return the {what}"
    if not isinstance(text, str):
        raise SecretUnavailable(f"{fix}: str or Secret.")
    return _checked(text, fix)


def _checked(text: str, fix: str) -> Secret:
    text = text.rstrip("\r\n")
    if not text:
        raise SecretUnavailable(f"{fix}: it is empty.")
    _refuse_foreign_bytes(text, fix)
    return Secret(text)


def _refuse_foreign_bytes(text: str, fix: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # Python reads foreign bytes of the environment as surrogates, which nobody can send.
        raise SecretUnavailable(f"{fix}: it is no UTF-8 text.") from None
