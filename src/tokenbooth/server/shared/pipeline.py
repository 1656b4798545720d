"""Many questions on one connection: each is sent at once, and the answers come in their order."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

Reply = object  # whatever the server sent: bytes, int, None or a list of them
Word = str | int | bytes


class Pipeline:
    """Asks a server without waiting for the answers to the questions before."""

    def __init__(self, connection: AbstractConnection, *, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._sending = asyncio.Lock()

    async def ask(self, *command: Word) -> Reply:
        """Return the answer; raises RedisError, OSError or TimeoutError."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(self._seconds):
            async with self._sending:
                if not self._connection.is_connected:
                    raise RedisConnectionError("closed")  # the driver would connect anew
                # Whoever gives up waiting leaves its place: the answer comes all the same.
                self._waiting.append(answer)
                await self._connection.send_command(*command)
            return await answer

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Hand out answers while inside; the task ends with the error that ended the connection."""
        reading = asyncio.create_task(self._read())
        try:
            yield reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            for answer in self._waiting:
                if not answer.done():
                    answer.set_exception(RedisConnectionError("closed"))

    async def _read(self) -> None:
        while True:
            try:
                reply: Reply = await self._connection.read_response()
            except ResponseError as error:
                self._hand_out(error)
            else:
                self._hand_out(reply)

    def _hand_out(self, reply: Reply | RedisError) -> None:
        if not self._waiting:
            raise RedisConnectionError("an answer that nobody asked for")
        answer = self._waiting.popleft()
        if answer.done():
            return
        if isinstance(reply, RedisError):
            answer.set_exception(reply)
        else:
            answer.set_result(reply)
