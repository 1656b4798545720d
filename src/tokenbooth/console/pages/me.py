"""One's own account: name, password, second factor, and where one is signed in."""

from starlette.responses import Response

from tokenbooth.console.agents import browser_words
from tokenbooth.console.entrance import keep_session
from tokenbooth.console.frame import Page, status_of, told_to_wait
from tokenbooth.console.fresh_proof import proven
from tokenbooth.console.once import claim_once, new_once
from tokenbooth.console.pages.join import new_password
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import (
    BadInput,
    Conflict,
    ManagementError,
    SignInRefused,
    TooManyAttempts,
)
from tokenbooth.management.people import second_factor, sessions
from tokenbooth.management.people.members import change_own_name
from tokenbooth.management.people.password_changes import change_password
from tokenbooth.protocol.secret import Secret


async def show(visit: Visit) -> Response:
    """Show all of it."""
    return await _show(visit)


async def rename(visit: Visit) -> Response:
    """Change the name."""
    try:
        await change_own_name(visit.booth, visit.who.member, visit.form.text("name"))
    except BadInput as error:
        return await _show(visit, error)
    return visit.redirect("/me", notice="Your name is changed.")


async def show_password(visit: Visit) -> Response:
    """Ask for the old password and a new one."""
    return _ask_for_password(visit)


async def set_password(visit: Visit) -> Response:
    """Change the password: every other session ends, this one goes on under a new cookie."""
    try:
        opened = await change_password(
            visit.booth,
            visit.who.member,
            current=Secret(visit.form.raw("current")),
            new=new_password(visit),
            visitor=visit.visitor,
        )
    except (BadInput, Conflict, SignInRefused, TooManyAttempts) as error:
        return told_to_wait(_ask_for_password(visit, error), error)
    notice = "Your password is changed. You were signed out everywhere else."
    response = visit.redirect("/me", notice=notice)
    keep_session(visit, response, opened)
    return response


async def show_app(visit: Visit) -> Response:
    """Show the secret of an app to add; nothing is stored until a code of it came back."""
    if visit.who.member.totp is not None:
        return visit.redirect("/me")
    enrolment = second_factor.begin_enrolment(visit.booth, visit.who.member)
    return visit.render("me/second_factor.html", enrolment=enrolment, mistake=None)


async def add_app(visit: Visit) -> Response:
    """Add the app, and show recovery codes this once."""
    member = visit.who.member
    sealed = visit.form.text("sealed")
    try:
        codes = await second_factor.finish_enrolment(
            visit.booth, member, unverified_sealed=sealed, code=visit.form.text("code")
        )
    except BadInput as error:
        # Raises it again when the page is too old: there is nothing to show then.
        enrolment = second_factor.enrolment_again(visit.booth, member, sealed)
        return visit.render(
            "me/second_factor.html", status=status_of(error), enrolment=enrolment, mistake=error
        )
    return visit.render("me/recovery_codes.html", codes=codes, is_new_factor=True)


async def remove_app(visit: Visit) -> Response:
    """Remove the second factor."""
    await second_factor.remove_second_factor(visit.booth, visit.who.member)
    return visit.redirect("/me", notice="Your second factor is removed: the password alone counts.")


async def new_recovery_codes(visit: Visit) -> Response:
    """Make new recovery codes, and show them this once."""
    await claim_once(visit)
    codes = await second_factor.new_recovery_codes(visit.booth, visit.who.member)
    return visit.render("me/recovery_codes.html", codes=codes, is_new_factor=False)


async def no_recovery_codes(visit: Visit) -> Response:
    """Lead back: recovery codes are shown once."""
    return visit.redirect("/me")


async def end_session(visit: Visit) -> Response:
    """End one session by its id; ending this one is signing out."""
    which = visit.given["session"]
    await sessions.end_own_session(visit.booth, visit.who.session, which)
    return visit.redirect("/me", notice="That browser is signed out.")


async def end_others(visit: Visit) -> Response:
    """End every session but this one."""
    count = await sessions.end_other_sessions(visit.booth, visit.who.session)
    browsers = "1 other browser is" if count == 1 else f"{count} other browsers are"
    return visit.redirect("/me", notice=f"{browsers} signed out.")


async def _show(visit: Visit, mistake: ManagementError | None = None) -> Response:
    return visit.render(
        "me/show.html",
        status=status_of(mistake),
        member=visit.who.member,
        name=visit.form.text("name", visit.who.member.name),
        sessions=await sessions.list_own_sessions(visit.booth, visit.who.session),
        browser_words=browser_words,
        once=new_once(),
        mistake=mistake,
    )


def _ask_for_password(visit: Visit, mistake: ManagementError | None = None) -> Response:
    return visit.render("me/password.html", status=status_of(mistake), mistake=mistake)


PAGES = (
    Page(path="/me", show=show, act=rename),
    Page(path="/me/password", show=show_password, act=set_password),
    Page(path="/me/second-factor", show=show_app, act=proven(add_app)),
    Page(path="/me/second-factor/remove", act=proven(remove_app)),
    Page(path="/me/recovery-codes", show=no_recovery_codes, act=proven(new_recovery_codes)),
    Page(path="/me/sessions/end-others", act=end_others),
    Page(path="/me/sessions/{session}/end", act=end_session),
)
