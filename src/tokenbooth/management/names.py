"""Which names may be given to things, checked before anything is stored."""

import re

from tokenbooth.management.errors import BadInput

MAX_TEXT = 200

_ISSUER_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_API_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# The unreserved characters of URIs alone: both ways to encode a Basic header agree on them.
# None at the start that makes it an option of a command, or a step in a path.
_CLIENT_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~-]{0,127}")

# First path segments that mean something else on the service's own host.
RESERVED = frozenset(
    ("api", "assets", "console", "demo", "docs", "healthz", "metrics", "oauth2", "readyz", "static")
)
_SECRET_OR_TOKEN = ("tbs_", "tbo_", "tbr_", "eyJ")


def check_issuer_name(name: str, *, dialect_paths: tuple[str, ...] = ()) -> None:
    """Refuse what cannot be the first path segment of an issuer's URL."""
    if not _ISSUER_NAME.fullmatch(name):
        raise BadInput(
            f"{shown(name)} is no issuer name: use 1 to 40 of the characters a-z, 0-9 and '-', "
            "not starting with '-'. It becomes part of the issuer's URL."
        )
    taken = RESERVED | {path.split("/")[1] for path in dialect_paths}
    if name in taken:
        raise BadInput(
            f"The name {name!r} is reserved: the service uses /{name} itself. Choose another one."
        )


def check_account_name(name: str) -> None:
    """Refuse what cannot name an account."""
    if not _ISSUER_NAME.fullmatch(name):
        raise BadInput(
            f"{shown(name)} is no account name: use 1 to 40 of the characters a-z, 0-9 and '-', "
            "not starting with '-'."
        )


def check_api_name(name: str) -> None:
    """Refuse what cannot name an API."""
    if not _API_NAME.fullmatch(name):
        raise BadInput(
            f"{shown(name)} is no API name: use 1 to 64 letters, digits, '.', '_' and '-', "
            "starting with a letter or digit."
        )


def check_client_id(client_id: str) -> None:
    """Refuse client ids that some library would encode in another way, and mixed-up secrets."""
    if client_id.startswith(_SECRET_OR_TOKEN):
        # Not quoted: it may be a live secret.
        raise BadInput("This looks like a secret or a token, not like a client id.")
    if not _CLIENT_ID.fullmatch(client_id):
        raise BadInput(
            f"{shown(client_id)} is no client id: use 1 to 128 letters, digits, "
            "'_', '.', '~' and '-', starting with a letter, digit or '_'. "
            "Everything else is encoded differently by different libraries."
        )


def check_text(what: str, text: str) -> None:
    """Refuse texts for people that are too long, or that would do something to a terminal."""
    if len(text) > MAX_TEXT or not text.isprintable():
        raise BadInput(f"The {what} is one line of at most {MAX_TEXT} printable characters.")


def shown(text: str) -> str:
    """Return `text` quoted, shortened and without control characters."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return ascii(short) if not short.isprintable() else repr(short)
