"""One browser and one running service for all that look at the console."""

import re

import pytest

from tests.browser.look import DESKTOP, PHONE, Person, chromium
from tests.end_to_end.service import running


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("console")) as service:
        yield service


@pytest.fixture(scope="module")
def first_link(service):
    """The one-time link by which the first operator comes in."""
    return re.search(r"http://\S+/console/join/\S+", service.log)[0]


@pytest.fixture(params=["desktop", "phone"], scope="module")
def screen(request):
    return {"viewport": DESKTOP if request.param == "desktop" else PHONE}


@pytest.fixture
def person(browser, service):
    """`person(viewport=…)` is somebody at a screen of their own."""
    people = []

    def sit_down(**settings):
        people.append(Person.at(browser, f"{service.url}/console", **settings))
        return people[-1]

    yield sit_down
    for each in people:
        each.page.context.close()
