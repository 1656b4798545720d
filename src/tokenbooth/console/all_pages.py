"""Every page of the console."""

from tokenbooth.console.frame import Page
from tokenbooth.console.pages import (
    accounts,
    apis,
    audit,
    invitations,
    issuers,
    join,
    keys,
    me,
    members,
    overview,
    refusals,
    sign_in,
)

ALL_PAGES: tuple[Page, ...] = (
    *sign_in.PAGES,
    *join.PAGES,
    *me.PAGES,
    *invitations.PAGES,
    *members.PAGES,
    *accounts.PAGES,
    *overview.PAGES,
    *apis.PAGES,
    *issuers.PAGES,
    *keys.PAGES,
    *audit.PAGES,
    *refusals.PAGES,
)
