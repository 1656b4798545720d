"""Quotas drawn from one pool by all processes, filled with shares that the database gives out.

What the server has forgotten is lost, never given twice: its pools are those of one life of one
server, and whatever is put into them was claimed in the database before. But the first share is
in every new pool unclaimed, so that most clients never need the database.
"""

from tokenbooth.server.quota import PoolAway
from tokenbooth.server.shared.link import Away, Link
from tokenbooth.server.shared.pipeline import Reply

_SLACK_SECONDS = 60

# left: tokens in the pool; next: the share that nobody has tried to claim yet.
_TAKE = """
local left = redis.call('HGET', KEYS[1], 'left')
if not left then
  left = ARGV[1]
  redis.call('HSET', KEYS[1], 'left', left, 'next', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
if tonumber(left) > 0 then
  redis.call('HINCRBY', KEYS[1], 'left', -1)
  return -1
end
return tonumber(redis.call('HGET', KEYS[1], 'next'))
"""
_PUT = """
redis.call('HINCRBY', KEYS[1], 'left', ARGV[1])
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', KEYS[1], 'next') or '0') then
  redis.call('HSET', KEYS[1], 'next', ARGV[2])
end
return redis.call('EXPIRE', KEYS[1], ARGV[3])
"""


class SharedPool:
    """Pools of tokens by name."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def is_up(self) -> bool:
        """Whether asking is worth while."""
        return self._link.is_up

    async def take(self, name: str, *, free: int, first: int, seconds: float) -> int | None:
        """Take a token and return None; or return the share to claim, when the pool is empty.

        A new pool has `free` tokens and begins to claim at share `first`. Raises PoolAway: the
        token may be lost then, but nobody else has it.
        """
        reply = await self._ask(_TAKE, name, free, first, seconds)
        number = reply if isinstance(reply, int) else 0
        return number if number >= 0 else None

    async def put(self, name: str, *, tokens: int, next_: int, seconds: float) -> None:
        """Put in what was claimed; raises PoolAway, and the tokens are lost then."""
        await self._ask(_PUT, name, tokens, next_, seconds)

    async def _ask(self, script: str, name: str, *numbers: float) -> Reply:
        key = f"{self._link.namespace}:{self._link.server}:{name}"
        *others, seconds = (int(number) for number in numbers)
        try:
            return await self._link.ask("EVAL", script, 1, key, *others, seconds + _SLACK_SECONDS)
        except Away as error:
            raise PoolAway from error
