"""Inviting people, by links that are shown once."""

from starlette.responses import Response

from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.fresh_proof import proven
from tokenbooth.console.roles_to_give import accounts_to_choose, roles_to_give
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import BadInput, Conflict, ManagementError, Missing, NotAllowed
from tokenbooth.management.people.invitations import invite, renew_invitation, withdraw_invitation
from tokenbooth.management.people.roles import read_role

_WRITE = "members:write"


async def show(visit: Visit) -> Response:
    """Ask whom to invite."""
    return await _ask(visit)


async def act(visit: Visit) -> Response:
    """Make the link. Sent again, the form finds that the person is invited already."""
    own = visit.booth.actor.account
    try:
        made = await invite(
            visit.booth,
            email=visit.form.text("email"),
            role=read_role(visit.form.text("role")),
            account=visit.form.optional("account") if own is None else own,
        )
    except (BadInput, Conflict, Missing, NotAllowed) as error:
        return await _ask(visit, error)
    return visit.render("members/link.html", made=made, leave_to="/members")


async def renew(visit: Visit) -> Response:
    """Make another link in the place of one that was lost; it may make an operator, too."""
    made = await renew_invitation(visit.booth, visit.given["invitation"])
    return visit.render("members/link.html", made=made, leave_to="/members")


async def withdraw(visit: Visit) -> Response:
    """End a link before it is used."""
    await withdraw_invitation(visit.booth, visit.given["invitation"])
    return visit.redirect("/members", notice="The link leads nowhere any more.")


async def nothing_to_show(visit: Visit) -> Response:
    """Lead back: links are shown once."""
    return visit.redirect("/members")


async def _ask(visit: Visit, mistake: ManagementError | None = None) -> Response:
    return visit.render(
        "members/invite.html",
        status=status_of(mistake),
        roles=roles_to_give(visit),
        role=visit.form.text("role") or "member",
        accounts=await accounts_to_choose(visit),
        account=visit.form.text("account") or visit.query.get("account", ""),
        email=visit.form.text("email"),
        mistake=mistake,
    )


def _makes_operator(visit: Visit) -> bool:
    return visit.form.text("role") == "operator"


PAGES = (
    Page(path="/members/invite", show=show, act=proven(act, when=_makes_operator), right=_WRITE),
    Page(
        path="/members/invitations/{invitation}/renew",
        show=nothing_to_show,
        act=proven(renew),
        right=_WRITE,
    ),
    Page(path="/members/invitations/{invitation}/withdraw", act=withdraw, right=_WRITE),
)
