"""`make screenshots`: the pictures in docs/images/, of a service with a past."""

import sys
import tempfile
from pathlib import Path

from tests.browser.filled import OPERATOR, PASSWORD, fill
from tests.browser.look import PHONE, Person, chromium
from tests.end_to_end.service import running

SCREEN = {"width": 1280, "height": 800}


def signed_in(browser, service, email, **settings):
    person = Person.at(browser, f"{service.url}/console", **settings)
    person.go("/sign-in")
    person.fill(email=email, password=PASSWORD)
    person.press("Sign in")
    person.reads("tokens in 24 hours")
    return person


def take(folder, person, name, path=None, *, full=False):
    if path is not None:
        person.go(path)
    person.page.wait_for_load_state("networkidle")
    person.page.screenshot(path=folder / f"{name}.png", full_page=full)
    print(folder / f"{name}.png")  # noqa: T201


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        running(Path(place) / "service") as service,
        chromium() as browser,
    ):
        fill(service)
        olga = signed_in(browser, service, OPERATOR, viewport=SCREEN)
        take(folder, olga, "overview", "/")
        take(folder, olga, "audit", "/audit")
        take(folder, olga, "requests", "/requests")
        dev = signed_in(browser, service, "dev@acme.example", viewport=SCREEN)
        take(folder, dev, "client", "/clients/default/web-shop")
        take(folder, dev, "instructions", "/clients/default/web-shop/instructions")
        dev.go("/clients/new")
        dev.fill(name="Price list", client_id="price-list")
        dev.page.get_by_label("persons:read").check()
        dev.press("Make the client")
        dev.press("Get a token")
        dev.reads("It works")
        dev.page.get_by_text("It works").scroll_into_view_if_needed()
        take(folder, dev, "test")
        dark = signed_in(
            browser, service, "dev@acme.example", viewport=PHONE, color_scheme="dark",
            device_scale_factor=2,
        )  # fmt: skip
        take(folder, dark, "phone", "/clients/default/web-shop")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
