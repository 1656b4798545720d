"""The pages, one file a subject; each has a tuple PAGES."""

from tokenbooth.console.frame import Page
from tokenbooth.console.pages import overview, sign_in

ALL_PAGES: tuple[Page, ...] = (*overview.PAGES, *sign_in.PAGES)
