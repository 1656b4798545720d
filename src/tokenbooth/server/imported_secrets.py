"""Secrets that were imported with the slow hash of another system, until their first use here.

Each is checked in a thread, and once it was right its digest takes the hash's place: from then on
it costs as little as any other.
"""

import asyncio
import hmac
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from tokenbooth.clock import Clock
from tokenbooth.protocol.errors import TemporarilyUnavailable
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.secret_form import SecretParts
from tokenbooth.server.actor import SERVICE
from tokenbooth.server.audit_records import Event
from tokenbooth.server.foreign_hashes import ForeignHash, read_foreign_hash
from tokenbooth.server.logs import get_logger
from tokenbooth.server.records import Client, Credential
from tokenbooth.server.secrets import SecretOffice, is_own_digest
from tokenbooth.server.stores.contract import ClientStore, NotFound, Stale, StoreError

_THREADS = 2
_MOST_WAITING = 32  # at 50 ms each, whoever comes behind them would wait for most of a second
_MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSecret:
    """A secret credential with the hash of another system."""

    credential: Credential = field(repr=False)
    hash: ForeignHash = field(repr=False)


def imported_secrets(credentials: Sequence[Credential]) -> tuple[ImportedSecret, ...]:
    """Return the secrets among them that have a foreign hash."""
    found = []
    for credential in credentials:
        if credential.kind != "secret" or is_own_digest(credential.data):
            continue
        try:
            found.append(
                ImportedSecret(credential=credential, hash=read_foreign_hash(credential.data))
            )
        except ValueError:
            # What cannot be read matches nothing; the client's other credentials still work.
            get_logger().warning("unreadable_secret_hash", credential_id=credential.id)
    return tuple(found)


class ImportedSecrets:
    """Checks imported secrets, few at a time, and has each replaced by its digest."""

    def __init__(self, *, store: ClientStore, secrets: SecretOffice, clock: Clock) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="imported-secret")
        self._turn = asyncio.Semaphore(_THREADS)
        self._waiting = 0
        # The digests of secrets that were right, by their foreign hash: a client that comes with
        # many requests at once, or while the store takes no writes, pays the price but once.
        self._right: dict[str, bytes] = {}
        self._replacing: set[asyncio.Task[None]] = set()
        self._log = get_logger().bind()

    async def find(
        self, unverified_secret: Secret, candidates: Sequence[ImportedSecret]
    ) -> Credential | None:
        """Return the credential that this secret is right for; raises TemporarilyUnavailable."""
        # One that the service made itself was never hashed elsewhere: nobody has to wait for it.
        if not candidates or SecretParts.read(unverified_secret) is not None:
            return None
        digest = self._secrets.digest_bytes(unverified_secret)
        if (found := self._remembered(digest, candidates)) is not None:
            return found
        if self._waiting >= _MOST_WAITING:
            raise TemporarilyUnavailable(
                "Too many secrets are being checked just now; try again.",
                reason="imported_secrets_busy",
            )
        self._waiting += 1
        try:
            async with self._turn:
                # Whoever came before may have brought the same secret.
                found = self._remembered(digest, candidates)
                return found or await self._check(unverified_secret, digest, candidates)
        finally:
            self._waiting -= 1

    def replace(self, credential: Credential, client: Client, secret: Secret) -> None:
        """Have the hash of this credential replaced by the digest of its secret, soon."""
        if any(task.get_name() == credential.id for task in self._replacing):
            return
        task = asyncio.create_task(
            self._replace(credential, client, self._secrets.digest(secret)), name=credential.id
        )
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def close(self) -> None:
        """Finish what is being written."""
        await asyncio.gather(*self._replacing, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _remembered(self, digest: bytes, candidates: Sequence[ImportedSecret]) -> Credential | None:
        for candidate in candidates:
            known = self._right.get(candidate.credential.data)
            if known is not None and hmac.compare_digest(known, digest):
                return candidate.credential
        return None

    async def _check(
        self, unverified_secret: Secret, digest: bytes, candidates: Sequence[ImportedSecret]
    ) -> Credential | None:
        loop, text = asyncio.get_running_loop(), unverified_secret.reveal()
        matching = None
        # Timing: all of them, so that the time does not tell which one was right.
        for candidate in candidates:
            if await loop.run_in_executor(self._threads, candidate.hash.matches, text):
                matching = candidate.credential
        if matching is not None:
            if len(self._right) >= _MOST_REMEMBERED:
                self._right.pop(next(iter(self._right)))
            self._right[matching.data] = digest
        return matching

    async def _replace(self, credential: Credential, client: Client, digest: str) -> None:
        foreign = read_foreign_hash(credential.data)
        try:
            await self._store.replace_credential(
                replace(credential, data=digest),
                seen=credential,
                audit=[self._event(credential, client, foreign)],
            )
        except (NotFound, Stale):
            return  # somebody else changed or removed it, and their word holds
        except StoreError as error:
            self._log.warning("secret_not_rehashed", reason=type(error).__name__)
            return
        self._log.info("secret_rehashed", credential_id=credential.id, was=foreign.scheme)

    def _event(self, credential: Credential, client: Client, foreign: ForeignHash) -> Event:
        return Event(
            type="credential_changed",
            at=self._clock.now(),
            actor=str(SERVICE),
            account=client.account,
            issuer=credential.issuer,
            client_id=credential.client_id,
            subject=credential.id,
            reason="The imported secret was used: its own digest took the place of its old hash.",
            details={"old_hash": foreign.scheme},
        )
