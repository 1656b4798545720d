"""Signing in with an OpenID Connect provider: to it, and back from it."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote

from starlette.responses import RedirectResponse, Response

from tokenbooth.console.entrance import enter, go_on
from tokenbooth.console.frame import Page, told_to_wait
from tokenbooth.console.pages.sign_in import ask_for_code, ask_for_password
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import Failed, Missing, SignInRefused, TooManyAttempts
from tokenbooth.management.people.sign_in import CodeNeeded
from tokenbooth.management.people.single_sign_on import SingleSignOn

_MOST_WAY_ON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Journey:
    """What the browser keeps while its member is at the provider."""

    pending: str  # sealed
    is_fresh: bool  # to prove oneself again, not to sign in
    wanted: str  # where to go on to afterwards; checked then

    @classmethod
    def read(cls, cookie: str) -> Self:
        pending, _, rest = cookie.partition(".")
        fresh, _, wanted = rest.partition(".")
        return cls(pending=pending, is_fresh=fresh == "fresh", wanted=unquote(wanted))

    def written(self) -> str:
        fresh = "fresh" if self.is_fresh else ""
        return f"{self.pending}.{fresh}.{quote(self.wanted[:_MOST_WAY_ON], safe='')}"


async def leave(visit: Visit) -> Response:
    """Send the browser to the provider: to sign in, to join by a link, or to prove it is you."""
    wanted = visit.query.get("next", "")
    is_fresh = visit.signed_in is not None and "fresh" in visit.query
    try:
        begun = await _provider(visit).begin(
            visit.booth, unverified_code=visit.query.get("join") or None, fresh=is_fresh
        )
    except Failed as error:
        return ask_for_password(visit, wanted=wanted, mistake=error)
    response = RedirectResponse(begun.address, 303)
    journey = _Journey(pending=begun.pending.reveal(), is_fresh=is_fresh, wanted=wanted)
    visit.own_cookies.elsewhere.set(response, journey.written())
    return response


async def come_back(visit: Visit) -> Response:
    """Let in who comes back from the provider."""
    journey = _Journey.read(visit.own_cookies.elsewhere.read(visit.cookies) or "")
    try:
        response = await _arrive(visit, journey)
    except (Failed, SignInRefused, TooManyAttempts) as error:
        response = ask_for_password(visit, wanted=journey.wanted, mistake=error)
        told_to_wait(response, error)
    visit.own_cookies.elsewhere.clear(response)
    return response


async def _arrive(visit: Visit, journey: _Journey) -> Response:
    provider = _provider(visit)
    if journey.is_fresh and visit.signed_in is not None:
        await provider.prove_again(
            visit.booth,
            visit.signed_in.session,
            visit.signed_in.member,
            unverified_query=visit.query,
            unverified_pending=journey.pending,
            visitor=visit.visitor,
        )
        notice = "It is you. Now do again what you were about to do."
        return go_on(visit, journey.wanted, notice=notice)
    outcome = await provider.finish(
        visit.booth,
        unverified_query=visit.query,
        unverified_pending=journey.pending,
        visitor=visit.visitor,
    )
    if isinstance(outcome, CodeNeeded):
        return ask_for_code(visit, outcome.ticket, wanted=journey.wanted)
    return await enter(visit, outcome, unverified_next=journey.wanted)


def _provider(visit: Visit) -> SingleSignOn:
    if visit.single_sign_on is None:
        raise Missing("This service has no single sign-on. Sign in with email and password.")
    return visit.single_sign_on


PAGES = (
    Page(path="/sign-in/elsewhere", show=leave, is_open=True),
    Page(path="/sign-in/elsewhere/back", show=come_back, is_open=True),
)
