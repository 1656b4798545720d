"""Failed attempts, told to every process: each counts them all, and decides by itself at once.

They stand in a stream, so that a process that starts or was cut off for a moment hears what it
missed. The name of a client is what a caller sent; the receivers bound what they remember of it.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable

import msgspec

from tokenbooth.server.rate_limit import FailureBudgets
from tokenbooth.server.shared.link import LISTEN_SECONDS, Ask, Away, Link
from tokenbooth.server.shared.pipeline import Reply

# About 25 MB at most, under an attack from very many networks.
MOST_ENTRIES = 20_000
MOST_IN_ENTRY = 10
_MOST_WAITING = 10_000
_AT_ONCE = 200
_MILLISECONDS = 1000
_LISTEN_MILLISECONDS = int(LISTEN_SECONDS * _MILLISECONDS)

_TELL = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'from', ARGV[2], 'failed', ARGV[3])
return redis.call('EXPIRE', KEYS[1], ARGV[4])
"""

Failure = tuple[str, str, str]  # issuer, client, network

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Failure]).decode


class SharedFailures:
    """Tells others what failed here, and counts here what failed elsewhere."""

    def __init__(
        self, budgets: FailureBudgets, link: Link, *, window: float, most: int = MOST_ENTRIES
    ) -> None:
        self._budgets = budgets
        self._link = link
        self._window = window
        self._most = most
        self._key = f"{link.namespace}:failures"
        self._origin = secrets.token_hex(8)
        self._waiting: list[Failure] = []
        self._telling: asyncio.Task[None] | None = None
        self._heard = (0, 0)  # the last entry that was counted
        budgets.on_failure = self._note

    def _note(self, issuer: str, client: str, network: str) -> None:
        # What fails while the server is away counts here alone, and more.
        if not self._link.is_up or len(self._waiting) >= _MOST_WAITING:
            return
        self._waiting.append((issuer, client, network))
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        try:
            with contextlib.suppress(Away):
                while self._waiting:
                    some = self._waiting[:MOST_IN_ENTRY]
                    del self._waiting[:MOST_IN_ENTRY]
                    lasts = int(self._window) + 60
                    words = (self._key, self._most, self._origin, _encode(some), lasts)
                    await self._link.ask("EVAL", _TELL, 1, *words)
        finally:
            self._telling = None

    async def follow(self, ask: Ask, caught_up: Callable[[], None]) -> None:
        """Count what others tell."""
        now = _time(await ask("TIME"))
        newest = _entries(await ask("XREVRANGE", self._key, "+", "-", "COUNT", 1))
        end = newest[0][0] if newest else (0, 0)
        # A server with an older memory goes on from there, with lower numbers than we have heard.
        cursor = max((now - int(self._window * _MILLISECONDS), 0), min(self._heard, end))
        while found := await self._ask(ask, cursor):
            cursor = self._count(found, now)
        self._budgets.count_together()
        caught_up()
        while True:
            found = await self._ask(ask, cursor, "BLOCK", _LISTEN_MILLISECONDS)
            cursor = self._count(found, None) if found else cursor

    def alone(self) -> None:
        """Count for all workers of the service, as nobody tells any more."""
        self._waiting.clear()
        self._budgets.count_alone()

    async def _ask(self, ask: Ask, cursor: "_Id", *how: str | int) -> "list[_Entry]":
        place = f"{cursor[0]}-{cursor[1]}"
        reply = await ask("XREAD", "COUNT", _AT_ONCE, *how, "STREAMS", self._key, place)
        return _entries(reply[0][1]) if isinstance(reply, list) and reply else []

    def _count(self, entries: "list[_Entry]", now: int | None) -> "_Id":
        for (at, _), fields in entries:
            if fields.get(b"from") == self._origin.encode():
                continue
            age = max(0, now - at) / _MILLISECONDS if now is not None else 0.0
            with contextlib.suppress(msgspec.DecodeError):  # nothing that we wrote
                for issuer, client, network in _decode(fields.get(b"failed", b"")):
                    self._budgets.heard(issuer, client, network, age=age)
        self._heard = entries[-1][0]
        return self._heard


_Id = tuple[int, int]
_Entry = tuple[_Id, dict[bytes, bytes]]


def _entries(reply: Reply) -> list[_Entry]:
    found = []
    for entry, fields in reply if isinstance(reply, list) else []:
        at, _, number = entry.partition(b"-")
        pairs = dict(zip(fields[::2], fields[1::2], strict=True))
        found.append(((int(at), int(number)), pairs))
    return found


def _time(reply: Reply) -> int:
    """Return the server's own time, which is in the numbers of entries: milliseconds."""
    seconds, microseconds = reply if isinstance(reply, list) else (b"0", b"0")
    return int(seconds) * _MILLISECONDS + int(microseconds) // 1000
