"""Which roles somebody may give, for pickers; what they ask for is checked again below."""

from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import NotAllowed
from tokenbooth.management.people.accounts import AccountView, list_accounts
from tokenbooth.management.people.roles import NAMES, require_over
from tokenbooth.server.people_records import Member, Role


def roles_to_give(visit: Visit) -> tuple[Role, ...]:
    """Return the roles that whoever is looking may give."""
    return tuple(role for role in NAMES if _may_manage(visit, role, visit.booth.actor.account))


def may_change(visit: Visit, member: Member) -> bool:
    """Whether whoever is looking may change that member: to show buttons."""
    return visit.may("members:write") and _may_manage(visit, member.role, member.account)


async def accounts_to_choose(visit: Visit) -> tuple[AccountView, ...]:
    """Return the accounts that somebody may be given; none to whom the own one is the only one."""
    return () if visit.booth.actor.account is not None else await list_accounts(visit.booth)


def _may_manage(visit: Visit, role: Role, account: str | None) -> bool:
    try:
        require_over(visit.booth, role, account)
    except NotAllowed:
        return False
    return True
