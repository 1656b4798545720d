"""What is wanted and what is there, as records that can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from tokenbooth.management.configuration.reading import Place
from tokenbooth.server.records import (
    Account,
    Api,
    Client,
    Credential,
    CredentialKind,
    Issuer,
    RegisteredClient,
)

Name = tuple[str, str]  # an issuer, and what it has: an API or a client


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is there, as far as it was asked for."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    apis: Mapping[Name, Api] = field(default_factory=dict)
    clients: Mapping[Name, RegisteredClient] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()  # names of new accounts that are clients' ids


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCredential:
    """A credential that a client shall have. Nothing in it is secret."""

    kind: CredentialKind
    data: str = field(repr=False)
    hint: str
    methods: tuple[str, ...]  # in which it is used
    grants: tuple[str, ...] = ()
    id: str | None = None  # where it is known beforehand: what has it, is it
    label: str | None = None  # None: whatever it is
    expires_at: float | None = None
    is_expiry_said: bool = False
    refusal: str | None = None  # why it cannot be added, though it may be there
    place: Place | None = None

    def is_like(self, credential: Credential) -> bool:
        """Whether the credential is this one."""
        if self.kind != credential.kind:
            return False
        if self.id is not None and self.id == credential.id:
            return True
        if self.kind == "secret":
            return self.data == credential.data
        return _parsed(self.data) == _parsed(credential.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedClient:
    """A client as it shall be."""

    client: Client
    credentials: tuple[WantedCredential, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """All that shall be; what is not named here stays, or goes if it is asked to."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    apis: Mapping[Name, Api] = field(default_factory=dict)
    clients: Mapping[Name, WantedClient] = field(default_factory=dict)
    places: Mapping[object, Place] = field(default_factory=dict)  # by account, issuer or pair


def _parsed(data: str) -> object:
    parsed: object = msgspec.json.decode(data)
    return parsed
