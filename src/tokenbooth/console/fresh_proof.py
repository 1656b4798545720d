"""Dangerous things ask for the password again when it was shown too long ago.

The form that was posted is shown back with a field for the password, and does its work once that
is right. So nothing that was filled in is lost, and an open browser alone is not enough.
"""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from starlette.responses import Response

from tokenbooth.console.frame import Handler, status_of, told_to_wait
from tokenbooth.console.origin import CSRF_FIELD
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import ManagementError, SignInRefused, TooManyAttempts
from tokenbooth.management.people.sessions import needs_fresh_proof
from tokenbooth.management.people.sign_in import prove_again
from tokenbooth.protocol.secret import Secret

FIELD = "proof"


def _always(_: Visit) -> bool:
    return True


def proven(handler: Handler, *, when: Callable[[Visit], bool] = _always) -> Handler:
    """Return the handler of a POST behind a fresh proof; `when` tells forms that need none."""

    async def ask_first(visit: Visit) -> Response:
        who = visit.who
        if not when(visit) or not needs_fresh_proof(who.session, visit.booth.clock.now()):
            return await handler(visit)
        password = visit.form.raw(FIELD)
        if not password:
            return _ask(visit, None)
        try:
            session = await prove_again(
                visit.booth,
                who.session,
                who.member,
                password=Secret(password),
                visitor=visit.visitor,
            )
        except (SignInRefused, TooManyAttempts) as error:
            return told_to_wait(_ask(visit, error), error)
        return await handler(replace(visit, signed_in=replace(who, session=session)))

    return ask_first


def _ask(visit: Visit, error: ManagementError | None) -> Response:
    came_from = urlsplit(visit.headers.get("referer", "")).path
    return visit.render(
        "prove.html",
        status=403 if error is None else status_of(error),
        mistake=error,
        kept=[(name, text) for name, text in visit.form.fields if name not in (CSRF_FIELD, FIELD)],
        back=came_from.removeprefix(visit.root) or "/",
    )
