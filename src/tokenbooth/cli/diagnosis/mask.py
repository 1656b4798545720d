"""Takes secrets and tokens out of every text that is shown, whoever wrote it."""

import base64
import re
from dataclasses import replace
from itertools import takewhile

from tokenbooth.cli.diagnosis.finding import Finding
from tokenbooth.protocol.client_auth import basic_authorization
from tokenbooth.protocol.errors import printable
from tokenbooth.protocol.form import form_encode
from tokenbooth.protocol.secret import Secret

_HIDDEN = "***"
_SHORTEST = 4  # Less would hide parts of our own words, and so tell what it is.
_SHORTEST_PART = 8  # of a secret's beginning, at which a long text was cut off
# What a secret or token of ours and any JWT look like.
_SECRET_LOOKS = re.compile(r"\btb[sor]_[\w.-]{8,}|\beyJ[\w-]+\.[\w-]*(?:\.[\w-]*)*")


class Mask:
    """Knows what must not be seen; a server may echo what it was sent, in any of these forms."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def add(self, text: str, *, client_id: str | None = None) -> None:
        """Hide `text` from now on, and the Basic credentials that it makes with `client_id`."""
        forms = {text, form_encode(text), printable(text, len(text) + 1)}
        forms.add(base64.b64encode(text.encode("utf-8", "replace")).decode())
        if client_id is not None:
            for raw in (False, True):
                try:
                    header = basic_authorization(client_id, Secret(text), raw=raw)
                except ValueError:  # a client ID with a colon has no raw form
                    continue
                forms.add(header.reveal().partition(" ")[2])
        self._forms |= {form for form in forms if len(form) >= _SHORTEST}

    def text(self, text: str) -> str:
        """Return the text as one line that is safe to show."""
        text = "".join(each if each.isprintable() else "?" for each in text)
        for form in sorted(self._forms, key=len, reverse=True):
            text = _without(text, form)
        return _SECRET_LOOKS.sub(_HIDDEN, text)

    def finding(self, finding: Finding) -> Finding:
        """Return the finding with all its texts masked."""
        return replace(
            finding,
            seen=self.text(finding.seen),
            causes=tuple(map(self.text, finding.causes)),
            details=tuple(map(self.text, finding.details)),
        )


def _without(text: str, form: str) -> str:
    """Hide a secret and what is left of one, from its beginning on, where a text was cut off."""
    beginning = form[:_SHORTEST_PART]
    at = text.find(beginning)
    while at >= 0:
        pairs = zip(text[at:], form, strict=False)
        left = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        text = text[:at] + _HIDDEN + text[at + left :]
        at = text.find(beginning, at + len(_HIDDEN))
    return text
