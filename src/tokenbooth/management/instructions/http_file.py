"""A .http file, for the REST clients of VS Code and the JetBrains editors."""

import re

from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import in_form
from tokenbooth.management.instructions.snippet import LeftOut, Snippet
from tokenbooth.management.instructions.template import fill
from tokenbooth.management.token_words import spoken

ID, _TITLE = "http", ".http file for editors"

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # what stands behind a dot without quotes
# Values stand in it without quotes, so each is encoded where it would end a line or a parameter.
_TEMPLATE = """\
# The secret is read from the variable CLIENT_SECRET of the file .env beside this one.
@token_url = <<token_endpoint>>
@client_id = <<client_id>>
@api_url = <<api>>

### Get a token; it is good for <<lifetime>>
# @name token
POST {{token_url}}
Content-Type: application/x-www-form-urlencoded
<<authorization>>

<<form>>

### Call the API
GET {{api_url}}
Authorization: Bearer {{token.response.body.<<access_token>>}}
"""


def write(facts: Facts) -> tuple[Snippet | LeftOut, ...]:
    """Return it, or why there is none."""
    reason = ""
    if not facts.has_secret or facts.is_dpop_bound or facts.shows_certificate:
        reason = "These editors authenticate with a secret alone."
    elif not _PATH.fullmatch(facts.dialect.answer.access_token):
        reason = "These editors cannot read the answers of this dialect."
    if reason:
        return (LeftOut(id=ID, title=_TITLE, reason=reason),)
    snippet = Snippet(
        id=ID,
        title=_TITLE,
        language="http",
        filename="call-api.http",
        text=_text(facts),
        needs=("REST Client for VS Code, or an editor that runs its files",),
        secret_from="CLIENT_SECRET in the file .env beside it.",
    )
    return (snippet,)


def _text(facts: Facts) -> str:
    form = [f"{name}={in_form(value)}" for name, value in facts.form]
    authorization = ""
    if facts.proof == "basic":
        authorization = "Authorization: Basic {{client_id}}:{{$dotenv CLIENT_SECRET}}"
    else:
        form += ["client_id={{client_id}}", "client_secret={{$dotenv CLIENT_SECRET}}"]
    return fill(
        _TEMPLATE,
        token_endpoint=_in_line(facts.token_endpoint),
        client_id=in_form(facts.client_id),
        api=_in_line(facts.api_url),
        lifetime=spoken(facts.lifetime),
        authorization=authorization,
        form="&".join(form),
        access_token=facts.dialect.answer.access_token,
    )


def _in_line(address: str) -> str:
    return "".join(c if c.isprintable() and c not in " {}" else in_form(c) for c in address)
