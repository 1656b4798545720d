"""Every page of the console."""

from tokenbooth.console.frame import Page
from tokenbooth.console.pages import apis, issuers, join, keys, me, overview, sign_in

ALL_PAGES: tuple[Page, ...] = (
    *sign_in.PAGES,
    *join.PAGES,
    *me.PAGES,
    *overview.PAGES,
    *apis.PAGES,
    *issuers.PAGES,
    *keys.PAGES,
)
