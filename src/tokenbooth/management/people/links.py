"""One-time links: made, kept as digests alone, found again, and withdrawn.

Nothing is sent: whoever makes a link hands it over, and sees it this once.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from tokenbooth.management.addresses import service_url
from tokenbooth.management.errors import Missing
from tokenbooth.management.moments import moment
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Invitation, InvitationKind, Role

JOIN_PATH = "/console/join/"
_CODE_BYTES = 32
_CODE_LENGTH = 43
_ID_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationView:
    """An open link as people see it, without the link itself."""

    id: str
    kind: InvitationKind
    email: str
    role: Role
    account: str | None
    invited_by: str
    created_at: datetime
    expires_at: datetime
    is_expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A one-time link; this is the only time it can be seen."""

    link: Secret
    id: str
    kind: InvitationKind
    email: str
    role: Role
    account: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """An invitation to store, and the code that leads to it."""

    stored: Invitation
    code: Secret

    def told(self, booth: Booth) -> NewLink:
        """Return what whoever made it is shown."""
        return NewLink(
            link=Secret(service_url(booth) + JOIN_PATH + self.code.reveal()),
            id=invitation_id(self.stored),
            kind=self.stored.kind,
            email=self.stored.email,
            role=self.stored.role,
            account=self.stored.account,
            expires_at=moment(self.stored.expires_at),
        )


def new_invitation(
    booth: Booth,
    *,
    kind: InvitationKind,
    email: str,
    role: Role,
    account: str | None,
    lifetime: float,
) -> NewInvitation:
    """Return a new one in the name of the booth's actor; nothing is stored."""
    code = Secret(secrets.token_urlsafe(_CODE_BYTES))
    now = booth.clock.now()
    stored = Invitation(
        digest=_digest(code.reveal()),
        kind=kind,
        email=email,
        role=role,
        account=account,
        invited_by=str(booth.actor),
        created_at=now,
        expires_at=now + lifetime,
    )
    return NewInvitation(stored=stored, code=code)


async def open_invitation(booth: Booth, unverified_code: str) -> Invitation:
    """Return what the link of that code is for; raises Missing, with one text for all reasons."""
    if len(unverified_code) == _CODE_LENGTH:
        found = await booth.store.get_invitation(_digest(unverified_code))
        if found is not None and booth.clock.now() < found.expires_at:
            return found
    raise link_is_dead()


def link_is_dead() -> Missing:
    """Return the refusal of a link that leads nowhere."""
    return Missing(
        "This link was used already, was withdrawn, or is too old. "
        "Ask whoever gave it to you for a new one."
    )


def view_invitation(booth: Booth, invitation: Invitation) -> InvitationView:
    """Return what people see of an invitation."""
    return InvitationView(
        id=invitation_id(invitation),
        kind=invitation.kind,
        email=invitation.email,
        role=invitation.role,
        account=invitation.account,
        invited_by=invitation.invited_by,
        created_at=moment(invitation.created_at),
        expires_at=moment(invitation.expires_at),
        is_expired=booth.clock.now() >= invitation.expires_at,
    )


def invitation_id(invitation: Invitation) -> str:
    """Return by what people name it; it does not lead to the code."""
    return invitation.digest[:_ID_LENGTH]


def _digest(unverified_code: str) -> str:
    return sha256(unverified_code.encode("utf-8", "replace")).hexdigest()
