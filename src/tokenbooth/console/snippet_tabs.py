"""A client's instructions as tabs: one for each language or tool, with all that belongs to it."""

from dataclasses import dataclass

from tokenbooth.management.instructions import Instructions, LeftOut, Snippet

# What belongs together; a format that is named nowhere gets a tab of its own.
_GROUPS = (
    ("cURL", ("curl", "curl-refresh", "shell")),
    ("Python", ("python", "python-requests")),
    ("JavaScript", ("javascript",)),
    ("Go", ("go",)),
    ("Postman", ("postman", "postman-environment")),
    (".http", ("http",)),
    (".env", ("env",)),
    ("Kubernetes", ("kubernetes",)),
)
_TITLES = {each: title for title, ids in _GROUPS for each in ids}
# Nobody reads these: they are saved and opened in their program.
DOWNLOADED = frozenset({"postman", "postman-environment"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """What is shown under one title."""

    id: str
    title: str
    snippets: tuple[Snippet, ...]
    left_out: tuple[LeftOut, ...]


def tabs_of(instructions: Instructions) -> tuple[Tab, ...]:
    """Return the tabs, in the order in which people look for them."""
    snippets, left_out = instructions.snippets, instructions.left_out
    titles = {_group_of(each) for each in snippets} | {_group_of(each) for each in left_out}
    order = {title: number for number, (title, _) in enumerate(_GROUPS)}
    return tuple(
        Tab(
            id=f"for-{_slug(title)}",
            title=title,
            snippets=tuple(each for each in snippets if _group_of(each) == title),
            left_out=tuple(each for each in left_out if _group_of(each) == title),
        )
        for title in sorted(titles, key=lambda each: (order.get(each, len(order)), each))
    )


def _group_of(each: Snippet | LeftOut) -> str:
    return _TITLES.get(each.id, each.title)


def _slug(title: str) -> str:
    return "".join(each if each.isalnum() else "-" for each in title.lower()).strip("-")
