"""The connection to Valkey or Redis: given up at its first fault, made anew in the background.

While it is away nobody waits for it. Our own on the driver's bare connections: the driver's client
costs twice the time, and connects again by itself, unnoticed, to whatever server answers then.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.secret_source import SecretUnavailable
from tokenbooth.server.logs import Logger
from tokenbooth.server.redis_address import RedisAddress
from tokenbooth.server.shared.pipeline import Pipeline, Reply, Word

Ask = Callable[..., Awaitable[Reply]]

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 0.5
LISTEN_SECONDS = 0.5  # so long the server may hold a question of the follower back
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_STEADY_SECONDS = 10.0  # a connection that lasted so long was a good one
_START_SECONDS = 2.0
_IDLE_SECONDS = 15.0

# Whether it can be written to by scripts at all: what is full, a replica or forbids it is away.
_PROBE = "return redis.call('SET', KEYS[1], ARGV[1], 'EX', 60)"
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (SecretUnavailable, "password_unreadable"),
    (AuthenticationError, "password_refused"),
    (NoPermissionError, "not_permitted"),
    (ReadOnlyError, "read_only"),
    (OutOfMemoryError, "full"),
    (ResponseError, "command_refused"),
    (BusyLoadingError, "loading"),
    (TimeoutError, "no_answer"),
    (RedisTimeoutError, "no_answer"),
)


class Away(Exception):
    """It cannot be asked now; what was asked may have been done or not."""


class Unusable(RedisError):
    """It answers, and is none that can be used."""


class Follower(Protocol):
    """Whoever listens all the time, on a connection of its own."""

    async def follow(self, ask: Ask, caught_up: Callable[[], None]) -> None:
        """Listen until that fails; `caught_up` is called once everything earlier was heard."""

    def alone(self) -> None:
        """Hear that it went away."""


class Link:
    """What this process can ask of the server now, if anything."""

    def __init__(
        self,
        address: RedisAddress,
        *,
        password: Callable[[], Secret] | None,
        namespace: str,
        log: Logger,
    ) -> None:
        self.address = address
        self.namespace = namespace
        self.calls = 0
        self.losses = 0
        # The server's name for this life of itself: what another one remembers may be outdated.
        self.server = ""
        self.away_because = "connecting"
        self._password = password
        self._log = log
        self._pipeline: Pipeline | None = None
        self._lost = asyncio.Event()
        self._tried = asyncio.Event()
        self._told: bool | None = None

    @property
    def is_up(self) -> bool:
        """Whether asking is worth while."""
        return self._pipeline is not None

    async def ask(self, *command: Word) -> Reply:
        """Return the answer; raises Away, at once while it is known to be away."""
        pipeline = self._pipeline
        if pipeline is None:
            raise Away
        self.calls += 1
        try:
            return await pipeline.ask(*command)
        except (RedisError, OSError, TimeoutError) as error:
            if pipeline is self._pipeline:  # else it was lost by another question
                self._lose(_meaning(error))
            raise Away from error

    @contextlib.asynccontextmanager
    async def running(self, follower: Follower) -> AsyncIterator[None]:
        """Keep up the connection while inside; a server that is away delays nobody for long."""
        task = asyncio.create_task(self._keep(follower))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_SECONDS):
                    await self._tried.wait()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def examine(self) -> dict[str, str]:
        """Connect once, and return what the server says of itself; raises Away."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                connection, _ = await self._connect(stack)
                return read_info(await _exchange(connection, ANSWER_SECONDS, "INFO", "memory"))
            except (RedisError, OSError, TimeoutError, SecretUnavailable) as error:
                self.away_because = _meaning(error)
                raise Away from error

    async def _keep(self, follower: Follower) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            began = loop.time()
            async with contextlib.AsyncExitStack() as stack:
                try:
                    await self._serve(follower, stack)
                except (RedisError, OSError, TimeoutError, SecretUnavailable) as error:
                    self._lose(_meaning(error))
                except Exception:  # noqa: BLE001 - an answer of a form that nobody foresaw
                    self._log.exception("internal_error", address=self.address.shown)
                    self._lose("internal_error")
                finally:
                    self._pipeline = None
            follower.alone()
            self._tried.set()
            self._tell()
            if loop.time() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            # Not all processes at the same moment.
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _serve(self, follower: Follower, stack: contextlib.AsyncExitStack) -> None:
        """Connect, and return when the connection was lost."""
        asking, server = await self._connect(stack)
        listening, other = await self._connect(stack)
        if server != other:
            raise Unusable("server_changed")
        pipeline = Pipeline(asking, seconds=ANSWER_SECONDS)
        reading = await stack.enter_async_context(pipeline.running())
        self._lost.clear()

        def caught_up() -> None:
            self.server, self._pipeline = server, pipeline
            self.away_because = ""
            self._tried.set()
            self._tell()

        async def ask(*command: Word) -> Reply:
            return await _exchange(listening, LISTEN_SECONDS + ANSWER_SECONDS, *command)

        following = asyncio.create_task(follower.follow(ask, caught_up))
        lost = asyncio.create_task(self._lost.wait())
        try:
            await self._until_one_ends({reading, following, lost})
        finally:
            for task in (following, lost):
                task.cancel()
            await asyncio.gather(following, lost, return_exceptions=True)

    async def _until_one_ends(self, tasks: set[asyncio.Task[None] | asyncio.Task[bool]]) -> None:
        """Wait, and raise what ended the first; a question now and then keeps idle lines open."""
        while True:
            ended, _ = await asyncio.wait(
                tasks, timeout=_IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                task.result()
            if ended:
                return
            with contextlib.suppress(Away):
                await self.ask("PING")

    async def _connect(self, stack: contextlib.AsyncExitStack) -> tuple[AbstractConnection, str]:
        connection = self._new_connection()

        async def end() -> None:
            with contextlib.suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

        stack.push_async_callback(end)
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.connect()  # type: ignore[no-untyped-call] # theirs has no types
        facts = read_info(await _exchange(connection, ANSWER_SECONDS, "INFO", "server"))
        if "cluster" in (facts.get("redis_mode"), facts.get("server_mode")):  # Valkey's name
            raise Unusable("cluster")
        if "run_id" not in facts:
            raise Unusable("no_run_id")
        probe = f"{self.namespace}:probe"
        await _exchange(connection, ANSWER_SECONDS, "EVAL", _PROBE, 1, probe, "1")
        return connection, facts["run_id"]

    def _new_connection(self) -> AbstractConnection:
        address = self.address
        password = self._password() if self._password is not None else address.password
        options: dict[str, Any] = {  # the driver's own names
            "db": address.database,
            "username": address.username,
            "password": password.reveal() if password is not None else None,
            # Its own timeouts can swallow a cancellation (asyncio.wait_for before Python 3.12).
            "socket_timeout": None,
            "socket_connect_timeout": None,
            "retry": Retry(NoBackoff(), 0),  # what is retried, and when, is decided here
            "protocol": 2,
        }
        if address.socket:
            return UnixDomainSocketConnection(path=address.socket, **options)
        options |= {"host": address.host, "port": address.port}
        if address.is_encrypted:
            return SSLConnection(ssl_ca_certs=address.ca_file, **options)
        return Connection(**options)

    def _lose(self, reason: str) -> None:
        self.losses += 1
        self.away_because = reason
        self._pipeline = None
        self._lost.set()

    def _tell(self) -> None:
        """Log that it went or is back: a line each time, however often it is tried meanwhile."""
        if self.is_up == self._told:
            return
        if not self.is_up:
            self._log.warning("redis_away", address=self.address.shown, reason=self.away_because)
        elif self._told is not None:
            self._log.info("redis_back", address=self.address.shown)
        self._told = self.is_up


async def _exchange(connection: AbstractConnection, seconds: float, *command: Word) -> Reply:
    if not connection.is_connected:
        raise RedisConnectionError("closed")  # the driver would connect anew, to whomever
    async with asyncio.timeout(seconds):
        await connection.send_command(*command)
        return await connection.read_response()


def read_info(reply: Reply) -> dict[str, str]:
    """Return the facts in an answer to INFO."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def _meaning(error: Exception) -> str:
    """Return a word for the log: the texts of others may hold what nobody should read."""
    if isinstance(error, Unusable):
        return str(error)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "certificate_refused"
    return next((word for kind, word in _MEANINGS if isinstance(error, kind)), "unreachable")
