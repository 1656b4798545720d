"""Requests that are made once, however often they are sent: the Idempotency-Key header.

Whoever does not know whether its POST arrived, sends it again with the same key, and gets the first
answer again, the secret in it included. Answers are kept for a day, sealed.
"""

import hashlib
import re
import secrets
from dataclasses import replace

import msgspec

from tokenbooth.management.errors import BadInput, Conflict
from tokenbooth.management.rest.answers import Answer
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import KeptAnswer
from tokenbooth.server.vault import VaultError

HEADER = "Idempotency-Key"
LIFETIME = 86_400.0

_KEY = re.compile(r"[\x20-\x7e]{1,255}", re.ASCII)
_KEPT_HEADERS = (b"content-type", b"location", b"etag", b"www-authenticate")
# The next time these may be answered otherwise, and nothing was done yet.
_NOT_KEPT = (401, 403, 408, 412, 429)


class Repeated(Exception):
    """The request was made before: this is what was answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("repeated")
        self.answer = answer


async def take_key(
    booth: Booth, key: str, *, caller: str, method: str, target: str, body: bytes
) -> KeptAnswer:
    """Take the caller's key for this request.

    Raises Repeated with the answer to a former one, BadInput if that was another request, and
    Conflict while it is under way.
    """
    if not _KEY.fullmatch(key):
        raise BadInput(f"An {HEADER} has 1 to 255 printable ASCII characters, like a UUID.")
    now = booth.clock.now()
    wanted = KeptAnswer(
        key=_digest(caller, key),
        fingerprint=_digest(method, target, body.hex()),
        # Until it is answered, this tells it from the same request at the same moment.
        headers=msgspec.json.encode({"attempt": secrets.token_hex(16)}).decode(),
        expires_at=now + LIFETIME,
    )
    found = await booth.store.keep_answer(wanted, now=now)
    if found == wanted:
        return wanted
    if found.fingerprint != wanted.fingerprint:
        raise BadInput(f"This {HEADER} belongs to another request: make a new one for each.")
    if found.status == 0:
        raise Conflict(
            f"A request with this {HEADER} is under way, or was interrupted: "
            "see whether it was done before you try with another key."
        )
    raise Repeated(_opened(booth, found))


async def keep(booth: Booth, taken: KeptAnswer, answer: Answer) -> None:
    """Keep the answer for whoever repeats the request, unless trying again makes sense."""
    if answer.status >= 500 or answer.status in _NOT_KEPT:
        await booth.store.drop_answer(taken.key)
        return
    headers = {
        name.decode(): value.decode("latin-1")
        for name, value in answer.headers
        if name.lower() in _KEPT_HEADERS
    }
    await booth.store.finish_answer(
        replace(
            taken,
            status=answer.status,
            headers=msgspec.json.encode(headers).decode(),
            sealed=booth.vault.seal(_label(taken), answer.body),
        )
    )


def _opened(booth: Booth, kept: KeptAnswer) -> Answer:
    try:
        body = booth.vault.unseal(_label(kept), kept.sealed)
    except VaultError as error:
        raise Conflict(
            "This was done before, but its answer can no longer be read: the master key changed."
        ) from error
    headers = msgspec.json.decode(kept.headers, type=dict[str, str])
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Answer(kept.status, [*lines, (b"idempotency-replayed", b"true")], body)


def _label(kept: KeptAnswer) -> str:
    return f"answer:{kept.key}"


def _digest(*parts: str) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
