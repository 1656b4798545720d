"""The types of audit events in groups, as people choose among them."""

from dataclasses import dataclass

from tokenbooth.server.audit import TYPES

_TITLES = (
    ("Tokens", ("token_",)),
    ("Clients", ("client_", "access_")),
    ("Credentials", ("credential_", "rotation_", "registration_")),
    ("Issuers, APIs and keys", ("issuer_", "api_", "key_", "master_key_")),
    ("Accounts and members", ("account_", "member_", "invitation_")),
    ("Signing in", ("sign", "password_", "second_factor_")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroup:
    """Types that belong together, each with its words."""

    title: str
    types: tuple[tuple[str, str], ...]


def _groups() -> tuple[EventGroup, ...]:
    left: dict[str, str] = {str(name): words for name, words in TYPES.items()}
    groups = []
    for title, beginnings in _TITLES:
        own = {name: words for name, words in left.items() if name.startswith(beginnings)}
        left = {name: words for name, words in left.items() if name not in own}
        groups.append(EventGroup(title=title, types=tuple(own.items())))
    return (*groups, EventGroup(title="Other", types=tuple(left.items())))


EVENT_GROUPS = _groups()
