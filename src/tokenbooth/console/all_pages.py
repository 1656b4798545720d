"""Every page of the console."""

from tokenbooth.console.frame import Page
from tokenbooth.console.pages import issuers, keys, overview, sign_in

ALL_PAGES: tuple[Page, ...] = (
    *sign_in.PAGES,
    *overview.PAGES,
    *issuers.PAGES,
    *keys.PAGES,
)
