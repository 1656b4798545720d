"""Every page of a busy service, looked over in light on a desk, and in dark on a phone."""

import re

import pytest

from tests.browser.filled import OPERATOR, PASSWORD, fill
from tests.browser.look import DESKTOP, PHONE, Person
from tests.end_to_end.service import running
from tokenbooth.console.all_pages import ALL_PAGES

THINGS = {
    "issuer": "default",
    "client_id": "nightly-import",
    "account": "acme",
    "name": "persons",
}
DOWNLOADS = ("/audit/export", "/clients/{issuer}/{client_id}/instructions/{format}")


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    with running(tmp_path_factory.mktemp("busy")) as service:
        yield service, fill(service)


# Colours differ by theme and what fits by width: these two see both of each.
@pytest.fixture(scope="module", params=["light", "dark phone"])
def olga(request, browser, busy):
    """The operator, signed in, at one kind of screen."""
    service, _ = busy
    person = Person.at(
        browser,
        f"{service.url}/console",
        viewport=PHONE if "phone" in request.param else DESKTOP,
        color_scheme="dark" if "dark" in request.param else "light",
    )
    person.go("/sign-in")
    person.fill(email=OPERATOR, password=PASSWORD)
    person.press("Sign in")
    person.reads("tokens in 24 hours")
    yield person
    person.page.context.close()


def addresses(found):
    """Every address at which a page shows something to an operator."""
    for page in ALL_PAGES:
        if page.show is None or page.is_open or page.path in DOWNLOADS:
            continue
        path = page.path
        things = THINGS | found
        if path.startswith("/issuers/{name}"):
            things = things | {"name": "default"}
        for name in re.findall(r"\{(\w+)(?::\w+)?\}", path):
            path = re.sub(rf"\{{{name}(?::\w+)?\}}", things.get(name, f"<{name}>"), path)
        yield path


def test_nothing_is_wrong_with_any_page(olga, busy):
    _, found = busy
    paths = list(addresses(found))
    assert not [path for path in paths if "<" in path]
    for path in paths:
        answer = olga.page.goto(olga.root + path)
        assert answer.status < 500, path
        olga.look_over()


def test_the_menu_leads_everywhere(olga):
    for title in ("Clients", "APIs", "Requests", "Issuers", "Keys", "Audit", "Accounts", "Members"):
        olga.go("/")
        if olga.page.locator("details.menu").is_visible():
            olga.page.locator("details.menu summary").click()
        link = olga.page.get_by_role("link", name=title, exact=True).locator("visible=true")
        link.first.click()
        olga.page.get_by_role("heading", level=1).wait_for()
        assert olga.page.locator("nav a[aria-current=page]").first.inner_text() in (title, "")
