"""Following a one-time link: to become a member, or to choose a new password."""

from starlette.responses import Response

from tokenbooth.console.entrance import enter
from tokenbooth.console.frame import Page, status_of, told_to_wait
from tokenbooth.console.pages.sign_in import ask_for_code
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import BadInput, Conflict, ManagementError, TooManyAttempts
from tokenbooth.management.people.invitations import join, look_at_invitation
from tokenbooth.management.people.links import InvitationView
from tokenbooth.management.people.password_changes import choose_password
from tokenbooth.management.people.sign_in import CodeNeeded
from tokenbooth.protocol.secret import Secret


async def show(visit: Visit) -> Response:
    """Say what the link is for, and ask for what it takes."""
    return _ask(visit, await look_at_invitation(visit.booth, visit.given["code"]))


async def act(visit: Visit) -> Response:
    """Let whoever follows the link in."""
    code = visit.given["code"]
    invitation = await look_at_invitation(visit.booth, code)
    try:
        password = new_password(visit)
        if invitation.kind == "password_reset":
            outcome = await choose_password(
                visit.booth, unverified_code=code, password=password, visitor=visit.visitor
            )
            notice = "Your new password is in force. You were signed out everywhere else."
        else:
            outcome = await join(
                visit.booth,
                unverified_code=code,
                password=password,
                visitor=visit.visitor,
                name=visit.form.text("name"),
                email=visit.form.optional("email"),
            )
            notice = "Welcome."
    except (BadInput, Conflict, TooManyAttempts) as error:
        return told_to_wait(_ask(visit, invitation, error), error)
    if isinstance(outcome, CodeNeeded):
        return ask_for_code(visit, outcome.ticket)
    return await enter(visit, outcome, notice=notice)


def new_password(visit: Visit) -> Secret:
    """Return the new password that was typed twice; raises BadInput."""
    password = visit.form.raw("password")
    if password != visit.form.raw("again"):
        raise BadInput("The two passwords differ. Type the same one twice.")
    return Secret(password)


def _ask(
    visit: Visit, invitation: InvitationView, mistake: ManagementError | None = None
) -> Response:
    return visit.render(
        "join/link.html",
        status=status_of(mistake),
        invitation=invitation,
        email=invitation.email or visit.form.text("email"),
        name=visit.form.text("name"),
        mistake=mistake,
        # Who has no email here yet cannot be told by the provider's.
        elsewhere=visit.single_sign_on and invitation.email and visit.booth.settings.sso_label,
    )


PAGES = (Page(path="/join/{code}", show=show, act=act, is_open=True),)
