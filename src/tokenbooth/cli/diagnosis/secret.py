"""Look at the client secret where it lies: the mistakes that no server can tell apart."""

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path

from tokenbooth.cli.diagnosis.case import Case
from tokenbooth.cli.diagnosis.finding import Finding, Findings, failed, ok, skipped, warning
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.options import read_stdin
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.secret_form import SecretParts, what_is_wrong
from tokenbooth.remote.secret_source import SecretUnavailable, raw_secret

_CHECK = "secret"
_ENV_FILE_BYTES = 1 << 16
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
# What was pasted instead of a secret, by how it looks, and what to do.
_OTHER_THINGS = (
    (r"https?://", "a URL", "Put the client secret there; the URL goes into --issuer."),
    (r"eyJ[\w-]+\.[\w-]+\.", "a token (JWT)", "Put the client secret there, not a token."),
    (r"(?i:bearer|basic) ", "the value of a header", "Put the bare client secret there."),
    (r"-----BEGIN ", "a private key or certificate", "Put the client secret there."),
    (r"\{\s*\"", "JSON", "Take the value of client_secret out of the JSON, without the quotes."),
    (r"\$\{?\w+\}?$", "the name of a variable that was not filled in",
     "Let the shell or the template fill it in: single quotes, for one, prevent that."),
    (r"(?:env|file):", "the place of a secret", "Put the secret itself there."),
    (r"<.*>$", "a placeholder", "Put the client secret in its place."),
)  # fmt: skip
# What a server for trials may take, and others hardly.
_PLACEHOLDER = re.compile(
    r"(?i:change[-_ ]?me|your[-_ ]?(?:client[-_ ]?)?secret|secret|null|none|undefined)"
)


def check_secret(case: Case) -> Findings:
    """Read the secret into the case, without what does not belong to it, and say what was seen."""
    place = case.order.secret
    if place is None:
        yield skipped(_CHECK, "no --secret was given")
        return
    try:
        text = _raw(place)
    except SecretUnavailable as error:
        yield failed(_CHECK, Outcome.USAGE, str(error), *_where_else(place))
        return
    except Failure as failure:
        yield failed(_CHECK, Outcome.USAGE, failure.format_message())
        return
    case.mask.add(text, client_id=case.order.client_id)
    bare, oddities, is_harmless = _trimmed(text)
    where = "stdin" if place == "-" else place
    if not bare:
        yield failed(_CHECK, Outcome.USAGE, f"{where} is empty", f"Put the secret into {where}.")
        return
    case.mask.add(bare, client_id=case.order.client_id)
    case.secret = Secret(bare)
    seen = f"{where}: {_counted(len(bare), 'character')}"
    wrong = _what_is_wrong(case.secret)
    if wrong is not None:
        # What is certainly no secret goes nowhere: it may be one of something else.
        case.secret, case.withheld = None, "there is no usable secret"
        what, fix = wrong
        yield failed(_CHECK, Outcome.USAGE, f"{seen}. {what}", fix)
        return
    seen += _own_marks(case.secret)
    if oddities and not is_harmless:
        yield failed(
            _CHECK,
            Outcome.USAGE,
            f"{seen}; {' and '.join(oddities)}. The other checks go on without that",
            f"Take what surrounds the secret out of {where}: a program that reads it sends it "
            "along. Write it with printf %s, and in a .env file between single quotes or none, "
            "as the reader of that file wants it.",
        )
        return
    if bare == case.order.client_id or _PLACEHOLDER.fullmatch(bare):
        what = "the client ID" if bare == case.order.client_id else "a placeholder"
        yield warning(_CHECK, f"{seen}, the same as {what}", "Put the client secret there.")
        return
    yield _about_place(place, seen, oddities)


def _raw(place: str) -> str:
    return read_stdin("client secret", is_hidden=True) if place == "-" else raw_secret(place)


def _trimmed(text: str) -> tuple[str, list[str], bool]:
    """Return the bare secret, what was around it, and whether clients like ours bear with it."""
    oddities = []
    bare = text.rstrip("\r\n")
    breaks = text[len(bare) :].count("\n") or len(text) - len(bare)
    if breaks:
        oddities.append(f"{_counted(breaks, 'line break')} at the end removed")
    is_harmless = True
    stripped = bare.strip().strip("\ufeff\u200b")
    if stripped != bare:
        blanks = len(bare) - len(stripped)
        oddities.append(f"{_counted(blanks, 'blank')} around it removed")
        bare, is_harmless = stripped, False
    if len(bare) > 1 and bare[0] in _QUOTES and bare[-1] in _QUOTES:
        oddities.append("quotes around it removed")
        bare, is_harmless = bare[1:-1], False
    return bare, oddities, is_harmless


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _what_is_wrong(secret: Secret) -> tuple[str, str] | None:
    """Return what it is instead of a good secret, and what to do."""
    text = secret.reveal()
    for pattern, what, fix in _OTHER_THINGS:
        if re.match(pattern, text):
            return f"This is {what}, not a client secret.", fix
    damage = what_is_wrong(secret)
    return None if damage is None else (damage, "Copy the secret again, whole, or make a new one.")


def _own_marks(secret: Secret) -> str:
    parts = SecretParts.read(secret)
    if parts is None:
        return ""
    return (
        f", undamaged (its checksum is right), of the issuer with the tag {parts.tag}, "
        f"credential {parts.credential_id}"
    )


def _about_place(place: str, seen: str, oddities: list[str]) -> Finding:
    causes = []
    if oddities:
        seen += f"; {' and '.join(oddities)}"
        if place.startswith("env:"):
            causes.append(
                "Set the variable without the line break, as printf %s does: other programs than "
                "tokenbooth send it along."
            )
    path = place.removeprefix("file:")
    if path != place and _others_may_read(path):
        seen += "; everybody on this machine may read the file"
        causes.append(f"Keep the secret to its owner: chmod o-rwx {path}")
    return warning(_CHECK, seen, *causes) if causes else ok(_CHECK, seen)


def _others_may_read(path: str) -> bool:
    try:
        return bool(Path(path).expanduser().stat().st_mode & stat.S_IROTH)
    except (OSError, RuntimeError):
        return False


def _where_else(place: str) -> list[str]:
    """Return what can be done about a variable that is not there."""
    name = place.removeprefix("env:")
    if name == place or name in os.environ:
        return []
    causes = []
    near = get_close_matches(name, os.environ, n=1, cutoff=0.8)
    if near:
        causes.append(f"Use env:{near[0]}, if that is the one: it is set.")
    if _is_in_env_file(name):
        causes.append(
            f"Load .env into the environment, as `set -a; . ./.env; set +a` does: it has {name}, "
            "but nothing reads that file by itself."
        )
    causes.append(
        f"Export it where this program starts: `{name}=...` without `export` stays in the shell; "
        "sudo, systemd, cron and containers begin with variables of their own."
    )
    return causes


def _is_in_env_file(name: str) -> bool:
    try:
        with Path(".env").open("rb") as file:
            text = file.read(_ENV_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    return re.search(rf"^(?:export\s+)?{re.escape(name)}\s*=", text, re.MULTILINE) is not None
