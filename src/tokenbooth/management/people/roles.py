"""Which role goes with which account, and who may give and take roles."""

from typing import get_args

from tokenbooth.management.errors import BadInput, NotAllowed
from tokenbooth.management.names import shown
from tokenbooth.management.rights import ROLES
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Role

NAMES: tuple[Role, ...] = get_args(Role)


def read_role(text: str) -> Role:
    """Return the role of that name; raises BadInput."""
    for role in NAMES:
        if role == text:
            return role
    raise BadInput(f"{shown(text)} is no role: use {', '.join(NAMES)}.")


def check_role(role: Role, account: str | None) -> None:
    """Refuse an operator of an account, and an owner or member of none; raises BadInput."""
    if role == "operator" and account is not None:
        raise BadInput("An operator runs the whole service: leave the account out.")
    if role in ("owner", "member") and account is None:
        raise BadInput(f"Say of which account: {'an' if role == 'owner' else 'a'} {role} has one.")


def require_over(booth: Booth, role: Role, account: str | None) -> None:
    """Raise NotAllowed unless the booth's actor has every right that somebody with the role has.

    Whoever could make people with more rights, or new ways in for them, would have these rights.
    """
    actor = booth.actor
    if actor.account is not None and account != actor.account:
        raise NotAllowed("You manage the people of your own account alone.")
    if role == "operator" and actor.rights is not None and not ROLES[role] <= actor.rights:
        raise NotAllowed("Operators alone make and change operators.")
    given = ROLES[role]
    if actor.account is not None:
        # Within an account an auditor sees what its owner sees.
        given &= ROLES["owner"]
    if actor.rights is not None and not given <= actor.rights:
        missing = ", ".join(sorted(given - actor.rights))
        raise NotAllowed(f"This role has rights that you lack: {missing}.")
