"""Who may do what: the rights there are, those of each role, and the checks.

Every function that people reach asks `require` first, and looks at clients only through
`management.lookup`, which shows an account nothing but its own. So no page and no route can
forget it.
"""

from collections.abc import Mapping

from tokenbooth.management.errors import NotAllowed
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.people_records import Role

MANAGEMENT_API = "management"  # the API of the default issuer that stands for this service itself

# The rights, which are also the scopes of the management API.
RIGHTS = {
    "issuers:read": "See issuers",
    "issuers:write": "Make and change issuers, and end their tokens",
    "apis:read": "See APIs",
    "apis:write": "Make, change and delete APIs",
    "clients:read": "See clients and their credentials",
    "clients:write": "Register, change and delete clients, and say what they may call",
    "credentials:write": "Give credentials to clients, and take them away",
    "keys:read": "See the keys that sign tokens",
    "keys:write": "Rotate and remove the keys that sign tokens",
    "accounts:read": "See accounts",
    "accounts:write": "Make, change and delete accounts",
    "members:read": "See members and invitations",
    "members:write": "Invite, change and remove members",
    "requests:read": "See requests for access",
    "requests:write": "Ask for access to an API",
    "requests:decide": "Approve and refuse requests for access",
    "audit:read": "Read the audit trail, refusals and usage",
}

_OWN = frozenset(
    {
        "apis:read",
        "issuers:read",
        "clients:read",
        "clients:write",
        "credentials:write",
        "accounts:read",
        "members:read",
        "requests:read",
        "requests:write",
        "audit:read",
    }
)
_READING = frozenset(name for name in RIGHTS if name.endswith(":read"))

# What a role may do; owners, members and auditors of an account do it to what is its own.
ROLES: Mapping[Role, frozenset[str]] = {
    "operator": frozenset(RIGHTS),
    "auditor": _READING,
    "owner": _OWN | {"members:write"},
    "member": _OWN,
}


def require(booth: Booth, right: str, *, whole: bool = False) -> None:
    """Raise NotAllowed unless the booth's actor has the right; `whole`: for the whole service."""
    actor = booth.actor
    if not actor.may(right):
        raise NotAllowed(f"This takes the right {right}.")
    if whole and actor.account is not None:
        raise NotAllowed(f"This takes the right {right} for the whole service.")
