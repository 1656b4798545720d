"""Write any text as a value of each language, so that no name can become code."""

import json
import shlex
from urllib.parse import quote

_SHORT = {'"': '\\"', "\\": "\\\\"}
_PLAIN_IN_ENV = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@%+,-~"
)


def in_shell(text: str) -> str:
    """Return one word of bash, zsh or ksh; in one line, whatever is in it."""
    if text.isprintable():
        return shlex.quote(text)
    # In octal, of which at most three digits are read: what follows cannot join in.
    return "$'" + "".join(f"\\{byte:03o}" for byte in text.encode()) + "'"


def in_double_quotes(text: str) -> str:
    """Return a string literal of Python, Go and YAML, which agree on these escapes."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def in_javascript(text: str) -> str:
    """Return a string literal of JavaScript, which is also one of JSON."""
    return json.dumps(text)


def in_form(text: str) -> str:
    """Return a value of a form-encoded body (RFC 6749 appendix B)."""
    return quote(text, safe="")


def in_env_file(text: str) -> str:
    """Return a value of a .env file that shells, Docker and the dotenv libraries agree on.

    Bare where that does it; Docker's own --env-file takes quotes as part of the value.
    """
    if text and _PLAIN_IN_ENV.issuperset(text):
        return text
    if "'" not in text:
        return f"'{text}'"
    for special in '\\"$`':
        text = text.replace(special, "\\" + special)
    return f'"{text}"'


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if " " <= character <= "~":
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
