"""Who is changing something, and what they may see and touch."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["service", "command_line", "member", "client", "visitor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whoever works on a booth; everything it changes is recorded in its name.

    `rights` are scopes of the management API (`clients:write`); None means all of them.
    `account` limits it to what that account owns; None means the whole service.
    """

    kind: ActorKind
    name: str = ""  # the member's email, the client's id, the user of the machine
    rights: frozenset[str] | None = None
    account: str | None = None
    source: str = ""  # the address that it comes from
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind

    def may(self, right: str) -> bool:
        """Whether it has that right, be it for one account or for the whole service."""
        return self.rights is None or right in self.rights


SERVICE = Actor(kind="service")  # what happens by itself, like key rotation
