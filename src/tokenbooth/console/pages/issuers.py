"""Issuers: what their tokens are like, where they are reached, and ending all their tokens."""

from dataclasses import dataclass
from typing import cast

from starlette.responses import Response

from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.errors import BadInput, ManagementError
from tokenbooth.management.service import issuers
from tokenbooth.management.service.apis import list_apis
from tokenbooth.management.service.issuer_changes import IssuerChanges, change_issuer
from tokenbooth.management.versions import version_of
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS
from tokenbooth.server.issuer_view import (
    INTROSPECTION_PATH,
    JWKS_PATH,
    REGISTRATION_PATH,
    REVOCATION_FEED_PATH,
    REVOCATION_PATH,
)
from tokenbooth.server.profiles import PROFILES
from tokenbooth.server.records import IssuerPolicy, ProfileName, TokenFormat

METADATA_PATH = "/.well-known/oauth-authorization-server"
_FORMATS = {"jwt": "JWT: APIs check it by themselves", "opaque": "Opaque: APIs ask the service"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the form of an issuer holds, before or after somebody typed."""

    name: str = ""
    url: str = ""
    dialect: str = "standard"
    token_format: str = ""  # empty: the dialect's
    token_lifetime: str = ""
    refresh_tokens: str = ""  # "yes", "no", or empty: the dialect's
    refresh_lifetime: str = ""
    alg: str = "ES256"
    profile: str = "oauth21"
    dpop_nonce: bool = False
    version: str = ""


async def show_all(visit: Visit) -> Response:
    """List them."""
    return visit.render("issuers/list.html", issuers=await issuers.list_issuers(visit.booth))


async def ask_for_new(visit: Visit) -> Response:
    """Ask what the new one is like."""
    return _new(visit, Values(), None)


async def create(visit: Visit) -> Response:
    """Make one, with its keys."""
    typed = _typed(visit)
    try:
        made = await issuers.create_issuer(
            visit.booth,
            name=typed.name,
            url=typed.url or None,
            dialect=typed.dialect,
            token_format=_format(typed.token_format),
            token_lifetime=_seconds("token lifetime", typed.token_lifetime),
            refresh_tokens=_answer(typed.refresh_tokens),
            refresh_lifetime=_seconds("refresh token lifetime", typed.refresh_lifetime),
            alg=typed.alg,
            policy=IssuerPolicy(profile=_profile(typed.profile), dpop_nonce=typed.dpop_nonce),
        )
    except ManagementError as error:
        return _new(visit, typed, error)
    notice = f"The issuer {made.name} is there. Next, make an API for it."
    return visit.redirect(f"/issuers/{made.name}", notice=notice)


async def show(visit: Visit) -> Response:
    """Show one, with its addresses to copy."""
    issuer = await issuers.show_issuer(visit.booth, visit.given["name"])
    addresses = (
        ("Issuer", issuer.url, "what guards and clients are told"),
        ("Token endpoint", issuer.token_endpoint, "clients get tokens here"),
        ("Metadata", issuer.url + METADATA_PATH, "all of this, for programs"),
        ("Key set", issuer.url + JWKS_PATH, "APIs verify tokens with it"),
        ("Introspection", issuer.url + INTROSPECTION_PATH, "APIs ask about tokens here"),
        ("Revocation", issuer.url + REVOCATION_PATH, "clients end their tokens here"),
        ("Revocation feed", issuer.url + REVOCATION_FEED_PATH, "guards follow it"),
        ("Registration", issuer.url + REGISTRATION_PATH, "clients register themselves here"),
    )
    return visit.render(
        "issuers/show.html",
        issuer=issuer,
        dialect=_dialects(visit).get(issuer.dialect, issuer.dialect),
        profile=PROFILES[issuer.policy.profile].title,
        addresses=addresses,
        apis=await list_apis(visit.booth, issuer=issuer.name),
    )


async def ask_for_changes(visit: Visit) -> Response:
    """Show the form with what it is like now."""
    record = await issuers.find_issuer(visit.booth, visit.given["name"])
    values = Values(
        name=record.name,
        dialect=record.dialect,
        token_format=record.token_format,
        token_lifetime=str(record.token_lifetime),
        refresh_tokens="yes" if record.refresh_tokens else "no",
        refresh_lifetime=str(record.refresh_lifetime),
        alg=record.alg,
        profile=record.policy.profile,
        dpop_nonce=record.policy.dpop_nonce,
        version=version_of(record),
    )
    return _edit(visit, values, None)


async def change(visit: Visit) -> Response:
    """Make the changes."""
    name = visit.given["name"]
    await issuers.show_issuer(visit.booth, name)
    typed = _typed(visit)
    try:
        changes = IssuerChanges(
            dialect=typed.dialect,
            token_format=_format(typed.token_format),
            token_lifetime=_seconds("token lifetime", typed.token_lifetime),
            refresh_tokens=_answer(typed.refresh_tokens),
            refresh_lifetime=_seconds("refresh token lifetime", typed.refresh_lifetime),
            profile=_profile(typed.profile),
            dpop_nonce=typed.dpop_nonce,
        )
        await change_issuer(visit.booth, name, changes, version=typed.version)
    except ManagementError as error:
        return _edit(visit, typed, error)
    return visit.redirect(f"/issuers/{name}", notice="Saved. New tokens follow it from now on.")


async def end_tokens(visit: Visit) -> Response:
    """End every token that it issued."""
    issuer = await issuers.revoke_issuer_tokens(visit.booth, visit.given["name"])
    notice = "Every token that it issued so far has ended. Clients fetch new ones by themselves."
    return visit.redirect(f"/issuers/{issuer.name}", notice=notice)


def _new(visit: Visit, values: Values, mistake: ManagementError | None) -> Response:
    return _form(visit, "issuers/new.html", values, mistake)


def _edit(visit: Visit, values: Values, mistake: ManagementError | None) -> Response:
    return _form(visit, "issuers/edit.html", values, mistake)


def _form(visit: Visit, template: str, values: Values, mistake: ManagementError | None) -> Response:
    return visit.render(
        template,
        status=status_of(mistake),
        values=values,
        mistake=mistake,
        dialects=tuple(_dialects(visit).items()),
        formats=tuple(_FORMATS.items()),
        algorithms=tuple((alg, alg) for alg in SIGNING_ALGORITHMS),
        profiles=tuple((name, profile.title) for name, profile in PROFILES.items()),
    )


def _typed(visit: Visit) -> Values:
    text = visit.form.text
    return Values(
        name=visit.given.get("name") or text("name"),
        url=text("url"),
        dialect=text("dialect"),
        token_format=text("token_format"),
        token_lifetime=text("token_lifetime"),
        refresh_tokens=text("refresh_tokens"),
        refresh_lifetime=text("refresh_lifetime"),
        alg=text("alg"),
        profile=text("profile"),
        dpop_nonce=visit.form.flag("dpop_nonce"),
        version=text("version"),
    )


def _dialects(visit: Visit) -> dict[str, str]:
    return {name: known.title for name, known in sorted(visit.booth.dialects.items())}


def _seconds(what: str, typed: str) -> int | None:
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 12):
        raise BadInput(f"The {what} is a whole number of seconds.")
    return int(typed)


def _answer(typed: str) -> bool | None:
    return {"yes": True, "no": False}.get(typed)


def _format(typed: str) -> TokenFormat | None:
    if typed and typed not in _FORMATS:
        raise BadInput("The token format is jwt or opaque.")
    return cast("TokenFormat | None", typed or None)


def _profile(typed: str) -> ProfileName:
    if typed not in PROFILES:
        raise BadInput(f"The profile is one of {', '.join(PROFILES)}.")
    return cast("ProfileName", typed)


PAGES = (
    Page(path="/issuers", show=show_all, right="issuers:read"),
    # No issuer has a name with an underscore.
    Page(path="/issuers/_new", show=ask_for_new, act=create, right="issuers:write"),
    Page(path="/issuers/{name}", show=show, right="issuers:read"),
    Page(path="/issuers/{name}/edit", show=ask_for_changes, act=change, right="issuers:write"),
    Page(path="/issuers/{name}/end-tokens", act=end_tokens, right="issuers:write"),
)
