"""What a store promises. One contract suite runs on every implementation.

Every method that changes something is one transaction: when it returns, the change is durable
and every node's `revision()` will show it; when it raises, nothing happened. `audit` is written in
the same transaction: no change without its event, no event without its change. With `seen` the
change happens only if what it replaces is still as seen (last uses aside); else Stale is raised.

StoreError
├── AlreadyExists     something with that name is there
├── NotFound          nothing with that name is there
├── StillInUse        something else refers to it
├── Stale             it was changed since it was seen
└── StoreUnavailable  the database cannot be asked now; nothing was decided
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tokenbooth.server.audit_records import Audit, CredentialHost
from tokenbooth.server.records import (
    Api,
    Change,
    Client,
    Credential,
    CredentialKind,
    CredentialUse,
    Issuer,
    OwnedCredential,
    RegisteredClient,
    Revocation,
    RevocationPage,
    StoredKey,
)
from tokenbooth.server.stores.people_contract import (
    AccountStore,
    ActivityStore,
    RequestStore,
    SessionStore,
)


class StoreError(Exception):
    """Base of what stores raise; the text is fit for an operator's eyes."""


class AlreadyExists(StoreError):
    """The name is taken."""


class NotFound(StoreError):
    """There is nothing of that name."""


class StillInUse(StoreError):
    """Something else refers to it."""


class Stale(StoreError):
    """It was changed since it was seen: look again, and decide again."""


class StoreUnavailable(StoreError):
    """The database is down, locked, full or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The outcome of claiming a key: the winner, or when the winner came."""

    won: bool
    claimed_at: float


class IssuerStore(Protocol):
    """Issuers and the APIs behind them."""

    async def list_issuers(self) -> tuple[Issuer, ...]:
        """Return all issuers by name."""

    async def add_issuer(
        self, issuer: Issuer, keys: Sequence[StoredKey] = (), *, audit: Audit = ()
    ) -> None:
        """Add the issuer with its first keys; raises AlreadyExists (name, tag or url)."""

    async def replace_issuer(
        self, issuer: Issuer, *, seen: Issuer | None = None, audit: Audit = ()
    ) -> None:
        """Replace the issuer of that name; raises NotFound, Stale, AlreadyExists (tag or url)."""

    async def list_apis(self, issuer: str | None = None) -> tuple[Api, ...]:
        """Return the APIs of one issuer, or of all, by issuer and name."""

    async def add_api(self, api: Api, *, audit: Audit = ()) -> None:
        """Add; raises AlreadyExists (name or audience within the issuer), NotFound (issuer)."""

    async def replace_api(self, api: Api, *, seen: Api | None = None, audit: Audit = ()) -> None:
        """Replace the API of that name; raises NotFound, Stale, AlreadyExists (audience)."""

    async def delete_api(
        self, issuer: str, name: str, *, seen: Api | None = None, audit: Audit = ()
    ) -> None:
        """Delete; raises NotFound, Stale, StillInUse while a client has access to it."""


class ClientStore(Protocol):
    """Clients and their credentials."""

    async def get_client(self, issuer: str, client_id: str) -> RegisteredClient | None:
        """Return the client with all its credentials (oldest first), or None."""

    async def find_clients(self, client_id: str) -> tuple[RegisteredClient, ...]:
        """Return the clients of that id at every issuer, by issuer."""

    async def list_clients(
        self,
        *,
        issuer: str | None = None,
        account: str | None = None,
        enabled: bool | None = None,
        text: str | None = None,
        api: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> tuple[RegisteredClient, ...]:
        """Return clients ordered by (issuer, client_id), starting behind `after`.

        With `api` those that have access to the API of that name at their issuer. With `text`
        those that have it in their id, name or description, in any case of letters.
        """

    async def count_users_of_apis(
        self, *, account: str | None = None
    ) -> Mapping[tuple[str, str], int]:
        """Return how many clients have access to each API, by issuer and name, if any has."""

    async def list_credentials(self, kind: CredentialKind) -> tuple[Credential, ...]:
        """Return every credential of that kind; meant for kinds of which there are few."""

    async def add_client(
        self, client: Client, credentials: Sequence[Credential] = (), *, audit: Audit = ()
    ) -> None:
        """Add both at once; raises AlreadyExists, NotFound (issuer, account or API).

        AlreadyExists is also for a credential's id, anywhere, and for an API that is listed twice.
        """

    async def replace_client(
        self,
        client: Client,
        *,
        seen: Client | None = None,
        revoking: Sequence[Revocation] = (),
        audit: Audit = (),
    ) -> None:
        """Replace all but the credentials; raises NotFound (it, its account or an API), Stale.

        Here and below, `revoking` is revoked in the same transaction.
        """

    async def delete_client(
        self,
        issuer: str,
        client_id: str,
        *,
        seen: Client | None = None,
        revoking: Sequence[Revocation] = (),
        audit: Audit = (),
    ) -> None:
        """Delete with all credentials; raises NotFound, Stale."""

    async def add_credential(self, credential: Credential, *, audit: Audit = ()) -> None:
        """Add; raises AlreadyExists (its id, anywhere), NotFound (client)."""

    async def replace_credential(
        self, credential: Credential, *, seen: Credential | None = None, audit: Audit = ()
    ) -> None:
        """Replace all of that credential but its last use; raises NotFound, Stale."""

    async def delete_credential(
        self,
        issuer: str,
        client_id: str,
        credential_id: str,
        *,
        seen: Credential | None = None,
        revoking: Sequence[Revocation] = (),
        audit: Audit = (),
    ) -> None:
        """Delete; raises NotFound, Stale."""

    async def record_uses(self, uses: Sequence[CredentialUse]) -> None:
        """Remember last uses (the latest wins); announces no change; unknown ids are ignored."""

    async def list_credentials_to_mind(
        self,
        *,
        now: float,
        expires_before: float,
        used_before: float,
        account: str | None = None,
        issuer: str | None = None,
        limit: int = 1000,
    ) -> tuple[OwnedCredential, ...]:
        """Return credentials that end from now on and before then, were replaced, or are unused.

        Unused: valid, and neither made nor used since `used_before`. By issuer, client and id.
        """

    async def list_hosts(self, issuer: str, client_id: str) -> tuple[CredentialHost, ...]:
        """Return who used the client's credentials from where, the latest first."""


class CountStore(Protocol):
    """How many there are of what: over the whole database, so not to be asked often."""

    async def count_clients(self) -> Mapping[tuple[str, bool], int]:
        """Return how many clients there are, by issuer and whether they are enabled."""

    async def count_ending_credentials(
        self, *, now: float, before: float
    ) -> Mapping[tuple[str, str], int]:
        """Return how many credentials end in that time without a successor, by issuer and kind."""


class KeyStore(Protocol):
    """The service's own keys, sealed."""

    async def list_keys(self) -> tuple[StoredKey, ...]:
        """Return every key of every issuer, oldest first. Issuer "" holds service-wide keys."""

    async def add_key(self, key: StoredKey, *, audit: Audit = ()) -> None:
        """Add; raises AlreadyExists (kid within the issuer)."""

    async def replace_keys(self, keys: Sequence[StoredKey], *, audit: Audit = ()) -> None:
        """Replace several at once; raises NotFound and then changes none."""

    async def delete_key(self, issuer: str, kid: str, *, audit: Audit = ()) -> None:
        """Delete; raises NotFound."""

    async def exchange_keys(
        self, seen: Sequence[StoredKey], then: Sequence[StoredKey], *, audit: Audit = ()
    ) -> bool:
        """Make all keys of all issuers `then` if they still are `seen`; else False and nothing.

        Atomic: of those who saw the same keys, exactly one is told True.
        """

    async def longest_client_token(self, issuer: str) -> int | None:
        """Return the longest token lifetime that a client of the issuer has of its own."""


class RevocationStore(Protocol):
    """What is no longer valid, and what may be used only once."""

    async def revoke(self, revocations: Sequence[Revocation], *, audit: Audit = ()) -> None:
        """Remember; an entry that is there already keeps the later expiry and `before`."""

    async def find_revoked(self, issuer: str, keys: Sequence[str]) -> Mapping[str, float | None]:
        """Return those of `keys` that are revoked and their `before`, as of now on any node."""

    async def revocations_since(
        self, issuer: str, cursor: int, *, now: float, limit: int
    ) -> RevocationPage | None:
        """Return what was revoked or extended behind `cursor` (0: ever) and has not expired.

        In the order of the commits: nothing ever appears behind a cursor that was handed out.
        None when the cursor is of a later state than the database's: it was set back.
        """

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Claim `key` until `expires_at`. Atomic: exactly one caller on all nodes ever wins."""

    async def forget_expired(self, now: float) -> int:
        """Drop revocations and claims that expired before `now`; return how many.

        The same for sessions, kept answers and counted attempts, and for invitations that expired
        30 days before.
        """

    async def forget_claims(self, prefix: str, now: float) -> int:
        """Drop claims on keys under `prefix` that expired before `now`; return how many."""


class ChangeFeed(Protocol):
    """How nodes learn what others changed."""

    async def revision(self) -> int:
        """Return the number of the last change; grows by one per change; cheap to ask."""

    async def changes_since(self, revision: int) -> tuple[Change, ...] | None:
        """Return later changes in order, or None when that far back is forgotten."""


class ChangeNews(Protocol):
    """How nodes hear at once that there is something to learn."""

    def listen(self, tell: Callable[[], None]) -> None:
        """Call `tell` soon after each change, by whichever node, until the store is closed.

        A hint, and not on every engine: who needs to be sure asks for `revision()` as well.
        """


class Store(
    IssuerStore,
    ClientStore,
    KeyStore,
    RevocationStore,
    AccountStore,
    SessionStore,
    RequestStore,
    ActivityStore,
    CountStore,
    ChangeFeed,
    ChangeNews,
    Protocol,
):
    """All of it, as the composition root passes it around."""

    async def dump(
        self, write: Callable[[bytes], object], *, report: Callable[[int], None]
    ) -> None:
        """Write the whole database, as of one moment, line by line; see archive.py."""

    async def load(
        self, lines: Callable[[], Iterable[bytes]], *, report: Callable[[int], None]
    ) -> int:
        """Fill an empty database from such lines and return the rows; raises ArchiveRefused.

        `lines` is called anew if the transaction has to be run again.
        """

    def together(self) -> "Together":
        """Return a store that gathers changes, to make all of them in one transaction."""

    async def check(self) -> None:
        """Raise StoreUnavailable unless the database can be read and written."""

    async def close(self) -> None:
        """Finish what is under way and let go of every connection."""


class Together(IssuerStore, ClientStore, AccountStore, Protocol):
    """Changes that are made at once: those of its methods that change something gather here.

    The others are asked of the store itself, which knows nothing of what is gathered.
    """

    async def commit(self) -> None:
        """Make the changes in their order, or none; raises what the first refused one raises."""
