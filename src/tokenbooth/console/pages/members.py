"""Members: who there is, and what an operator or owner does to one of them."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from tokenbooth.console.frame import Handler, Page, status_of
from tokenbooth.console.fresh_proof import proven
from tokenbooth.console.once import claim_once, new_once
from tokenbooth.console.roles_to_give import accounts_to_choose, may_change, roles_to_give
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import BadInput, Conflict, ManagementError, Missing, NotAllowed
from tokenbooth.management.people import members
from tokenbooth.management.people.accounts import list_accounts
from tokenbooth.management.people.invitations import list_invitations
from tokenbooth.management.people.members import view_member
from tokenbooth.management.people.password_changes import reset_link
from tokenbooth.management.people.roles import read_role
from tokenbooth.management.versions import version_of
from tokenbooth.server.bootstrap import Booth

_WRITE = "members:write"
_SHOWN = 50


async def show_all(visit: Visit) -> Response:
    """List members and open links."""
    account = visit.query.get("account", "").strip() or None
    text, after = visit.query.get("q", "").strip()[:200], visit.query.get("after", "")
    sees_accounts = visit.booth.actor.account is None
    found = await members.search_members(
        visit.booth, text=text, account=account, after=after, limit=_SHOWN + 1
    )
    return visit.render(
        "members/list.html",
        members=found[:_SHOWN],
        text=text,
        is_first=not after,
        next_after=found[_SHOWN - 1].email if len(found) > _SHOWN else None,
        invitations=await list_invitations(visit.booth, account=account),
        accounts=await list_accounts(visit.booth) if sees_accounts else (),
        account=account or "",
        sees_accounts=sees_accounts,
        may_write=visit.may(_WRITE),
    )


async def show(visit: Visit) -> Response:
    """Show one member."""
    return await _show(visit, None)


async def change(visit: Visit) -> Response:
    """Change name, role and account."""
    try:
        changed = await members.change_member(
            visit.booth,
            visit.given["member"],
            name=visit.form.text("name"),
            role=read_role(visit.form.text("role")),
            # Whoever becomes an operator leaves the account, whatever the picker stands at.
            account=None if _makes_operator(visit) else visit.form.optional("account"),
            version=visit.form.text("version"),
        )
    except (BadInput, Conflict, NotAllowed) as error:
        return await _show(visit, error)
    except Missing as error:
        if not visit.form.text("account"):
            raise
        return await _show(visit, error)  # the account
    return visit.redirect(_address(visit), notice=f"{changed.email} is changed.")


async def enable(visit: Visit) -> Response:
    """Let the member sign in again."""
    return await _do(visit, members.enable_member, "{} can sign in again.")


async def disable(visit: Visit) -> Response:
    """Let the member sign in no more."""
    return await _do(visit, members.disable_member, "{} is signed out, and can sign in no more.")


async def end_sessions(visit: Visit) -> Response:
    """Sign the member out everywhere."""
    return await _do(visit, members.end_member_sessions, "{} is signed out everywhere.")


async def remove_second_factor(visit: Visit) -> Response:
    """Let the member sign in without a code."""
    done = "{} signs in without a code now, and was signed out everywhere."
    return await _do(visit, members.remove_second_factor_of, done)


async def remove(visit: Visit) -> Response:
    """Delete the member."""
    gone = await members.show_member(visit.booth, visit.given["member"])
    try:
        await members.remove_member(visit.booth, gone.id)
    except (Conflict, NotAllowed) as error:
        return await _show(visit, error)
    return visit.redirect("/members", notice=f"{gone.email} is a member no more.")


async def reset_password(visit: Visit) -> Response:
    """Make a link to choose a new password by, shown this once."""
    try:
        await claim_once(visit)
        made = await reset_link(visit.booth, visit.given["member"])
    except (BadInput, Conflict, NotAllowed) as error:
        return await _show(visit, error)
    return visit.render("members/link.html", made=made, leave_to=_address(visit))


async def no_reset_password(visit: Visit) -> Response:
    """Lead back: links are shown once."""
    return visit.redirect(_address(visit))


async def _do(visit: Visit, act: Callable[[Booth, str], Awaitable[object]], done: str) -> Response:
    member = await members.show_member(visit.booth, visit.given["member"])
    try:
        await act(visit.booth, member.id)
    except (Conflict, NotAllowed) as error:
        return await _show(visit, error)
    return visit.redirect(_address(visit), notice=done.format(member.email))


async def _show(visit: Visit, mistake: ManagementError | None) -> Response:
    member = await members.find_member(visit.booth, visit.given["member"])
    is_self = visit.who.member.id == member.id
    return visit.render(
        "members/show.html",
        status=status_of(mistake),
        member=view_member(member),
        version=version_of(member),
        is_self=is_self,
        may_change=may_change(visit, member) and not is_self,
        roles=roles_to_give(visit),
        accounts=await accounts_to_choose(visit),
        once=new_once(),
        mistake=mistake,
    )


def _address(visit: Visit) -> str:
    return f"/members/{visit.given['member']}"


def _makes_operator(visit: Visit) -> bool:
    return visit.form.text("role") == "operator"


def _page(what: str, act: Handler, show: Handler | None = None) -> Page:
    return Page(path=f"/members/{{member}}/{what}", show=show, act=act, right=_WRITE)


PAGES = (
    Page(path="/members", show=show_all, right="members:read"),
    Page(path="/members/{member}", show=show, right="members:read"),
    _page("change", proven(change, when=_makes_operator)),
    _page("enable", enable),
    _page("disable", disable),
    _page("end-sessions", end_sessions),
    _page("remove-second-factor", proven(remove_second_factor)),
    _page("remove", proven(remove)),
    _page("reset-password", proven(reset_password), no_reset_password),
)
