"""Signing in, by email and password and then a code where there is a second factor, and out."""

from starlette.responses import Response

from tokenbooth.console.entrance import enter, go_on
from tokenbooth.console.frame import Page, status_of, told_to_wait
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import ManagementError, SignInRefused, TooManyAttempts
from tokenbooth.management.people import sessions
from tokenbooth.management.people.sign_in import CodeNeeded, finish_sign_in, sign_in
from tokenbooth.protocol.secret import Secret


async def show(visit: Visit) -> Response:
    """Ask for email and password."""
    wanted = visit.query.get("next", "")
    if visit.signed_in is not None:
        return go_on(visit, wanted)
    return ask_for_password(visit, wanted=wanted)


async def act(visit: Visit) -> Response:
    """Sign in, or ask for a code."""
    wanted = visit.form.text("next")
    try:
        outcome = await sign_in(
            visit.booth,
            email=visit.form.text("email"),
            password=Secret(visit.form.raw("password")),
            visitor=visit.visitor,
        )
    except (SignInRefused, TooManyAttempts) as error:
        return told_to_wait(ask_for_password(visit, wanted=wanted, mistake=error), error)
    if isinstance(outcome, CodeNeeded):
        return ask_for_code(visit, outcome.ticket, wanted=wanted)
    return await enter(visit, outcome, unverified_next=wanted)


async def take_code(visit: Visit) -> Response:
    """Sign in with the code of the second factor."""
    wanted = visit.form.text("next")
    ticket = Secret(visit.form.text("ticket"))
    try:
        opened = await finish_sign_in(
            visit.booth,
            unverified_ticket=ticket.reveal(),
            code=visit.form.text("code"),
            visitor=visit.visitor,
        )
    except (SignInRefused, TooManyAttempts) as error:
        return told_to_wait(ask_for_code(visit, ticket, wanted=wanted, mistake=error), error)
    return await enter(visit, opened, unverified_next=wanted)


async def no_code(visit: Visit) -> Response:
    """Begin anew: whoever loads the address of the code again has no ticket."""
    return visit.redirect("/sign-in")


async def sign_out(visit: Visit) -> Response:
    """End the session."""
    await sessions.sign_out(visit.booth, visit.who.session)
    response = visit.redirect("/sign-in", notice="You are signed out.")
    visit.own_cookies.session.clear(response)
    return response


def ask_for_code(
    visit: Visit, ticket: Secret, *, wanted: str = "", mistake: ManagementError | None = None
) -> Response:
    """Return the page that asks for the code; the ticket comes back with it."""
    return visit.render(
        "sign_in/code.html",
        status=status_of(mistake),
        ticket=ticket.reveal(),
        wanted=wanted,
        mistake=mistake,
    )


def ask_for_password(
    visit: Visit, *, wanted: str, mistake: ManagementError | None = None
) -> Response:
    """Return the page that asks for email and password, or to sign in elsewhere."""
    return visit.render(
        "sign_in/password.html",
        status=status_of(mistake),
        wanted=wanted,
        email=visit.form.text("email"),
        mistake=mistake,
        elsewhere=visit.single_sign_on and visit.booth.settings.sso_label,
    )


PAGES = (
    Page(path="/sign-in", show=show, act=act, is_open=True),
    Page(path="/sign-in/code", show=no_code, act=take_code, is_open=True),
    Page(path="/sign-out", act=sign_out),
)
