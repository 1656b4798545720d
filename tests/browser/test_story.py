"""The whole story in a real browser: an operator, a customer, a secret, and a year later."""

import json
import re

import pytest

from tests.browser.look import DESKTOP, PHONE, Person
from tests.end_to_end.service import Registered, eventually, running

PASSWORDS = {"olga": "nine grey herons wade", "dev": "six red tractors plough"}


@pytest.fixture(params=["desktop", "phone"])
def told(request, browser, tmp_path):
    """A fresh service, with an operator and a developer at screens of one size."""
    viewport = DESKTOP if request.param == "desktop" else PHONE
    with running(tmp_path / "service") as service:
        root = f"{service.url}/console"
        people = {who: Person.at(browser, root, viewport=viewport) for who in ("olga", "dev")}
        yield service, people["olga"], people["dev"]
        for person in people.values():
            person.page.context.close()


def join(person, link, who, **fields):
    person.page.goto(link)
    person.look_over()
    person.fill(**fields, name=who.title(), password=PASSWORDS[who], again=PASSWORDS[who])
    person.press("Join")
    person.reads("Overview")
    person.look_over()


def make_api(olga, name, scope, *, self_service):
    olga.go("/apis/new")
    olga.look_over()
    olga.fill(name=name, audience=f"https://{name}.example.com", scopes=f"{scope} Look things up")
    if self_service:
        olga.page.get_by_label("Self-service").check()
    olga.press("Make the API")
    olga.reads(f"https://{name}.example.com")
    olga.look_over()


def test_from_the_invitation_to_the_rotated_secret(told):
    service, olga, dev = told

    the_operator_makes_two_apis_and_invites_the_customer(service, olga, dev)
    client = the_developer_makes_a_client_and_copies_its_secret(service, dev)
    the_developer_tests_it_and_takes_the_collection(client, dev)
    the_operator_approves_what_was_asked_for(service, olga, client)
    the_secret_is_rotated_without_an_outage(service, dev, client)
    the_audit_trail_tells_it_all(service, olga, dev, client)


def the_operator_makes_two_apis_and_invites_the_customer(service, olga, dev):
    # The first operator comes in by the link that the service printed, and makes two APIs.
    link = re.search(r"http://\S+/console/join/\S+", service.log)[0]
    join(olga, link, "olga", email="olga@example.com")
    make_api(olga, "persons", "persons:read", self_service=True)
    make_api(olga, "payments", "payments:send", self_service=False)

    # She makes an account and invites the customer, who joins by a one-time link.
    olga.go("/accounts/new")
    olga.look_over()
    olga.fill(name="acme", title="Acme Ltd")
    olga.press("Make the account")
    olga.reads("Acme Ltd")
    olga.go("/members/invite?account=acme")
    olga.look_over()
    olga.fill(email="dev@acme.example")
    olga.page.get_by_role("radio", name="owner").check()
    olga.press("Make the link")
    olga.reads("/console/join/")
    olga.look_over()
    link = re.search(r"http://\S+/console/join/[\w-]+", olga.page.inner_text("main"))[0]
    join(dev, link, "dev")


def the_developer_makes_a_client_and_copies_its_secret(service, dev):
    # One API is self-service, the other is asked for.
    dev.go("/clients/new")
    dev.look_over()
    dev.fill(name="Nightly import", client_id="nightly-import")
    dev.page.get_by_label("persons:read").check()
    dev.page.get_by_label("payments:send").check()
    dev.fill(reason="To pay our drivers every night")
    dev.press("Make the client")
    dev.reads("Copy the secret now")
    dev.look_over()
    secret = re.search(r"tbs_\w+", dev.page.inner_text("main"))[0]
    service.confidential.add(secret)

    # The secret can be copied, and downloaded as .env; it works as it was shown.
    dev.page.get_by_role("button", name="Copy the secret").click()
    assert dev.page.evaluate("navigator.clipboard.readText()") == secret
    with dev.page.expect_download() as downloading:
        dev.press("Download .env")
    assert secret in downloading.value.path().read_text()
    client = Registered(client_id="nightly-import", secret=secret)
    eventually(lambda: service.token(client).status_code == 200, within=10)
    return client


def the_developer_tests_it_and_takes_the_collection(client, dev):
    # The Test button gets a token and says what it says.
    dev.press("Get a token")
    dev.reads("It works")
    dev.reads("persons:read")
    dev.look_over()

    # Loading the page again shows the client, and never the secret again.
    dev.page.reload()
    dev.reads("Credentials")
    assert client.secret not in dev.page.content()
    dev.look_over()

    # The Postman collection holds no secret.
    dev.go("/clients/default/nightly-import/instructions")
    dev.look_over()
    dev.page.get_by_role("tab", name="Postman").click()
    with dev.page.expect_download() as downloading:
        dev.page.locator("a[download][href*='postman']").first.click()
    text = downloading.value.path().read_text()
    assert json.loads(text)["info"]["schema"].endswith("v2.1.0/collection.json")
    assert "tbs_" not in text


def the_operator_approves_what_was_asked_for(service, olga, client):
    olga.go("/requests")
    olga.reads("payments")
    olga.look_over()
    olga.page.locator("main a[href*='/requests/']").first.click()
    olga.reads("To pay our drivers every night")
    olga.look_over()
    olga.press("Approve")
    olga.reads("approved")
    olga.look_over()

    def granted():
        answer = service.token(client, scope="payments:send")
        return answer.status_code == 200

    eventually(granted, within=10)


def the_secret_is_rotated_without_an_outage(service, dev, client):
    dev.go("/clients/default/nightly-import")
    dev.follow("Rotate the secret")
    dev.look_over()
    dev.press("Make the new secret")
    dev.reads("Copy the secret now")
    renewed = re.search(r"tbs_\w+", dev.page.inner_text("main"))[0]
    service.confidential.add(renewed)
    new = Registered(client_id="nightly-import", secret=renewed)
    eventually(lambda: service.token(new).status_code == 200, within=10)
    assert service.token(client).status_code == 200
    dev.go("/clients/default/nightly-import")
    dev.reads("A rotation is under way")
    dev.look_over()
    dev.press("Remove the old secret all the same")
    dev.page.get_by_role("dialog").get_by_role("button").last.click()
    dev.reads("Credentials")
    eventually(lambda: service.token(client).status_code == 401, within=10)
    assert service.token(new).status_code == 200


def the_audit_trail_tells_it_all(service, olga, dev, client):
    # The owner learns why the old one is refused, though the caller is not told.
    refused = service.token(client)
    request_id = refused.headers["x-request-id"]

    def explained():
        dev.go(f"/audit/refusals?id={request_id}")
        return "secret" in dev.page.inner_text("main") and request_id in dev.page.content()

    eventually(explained, within=10)
    dev.look_over()

    # The audit trail tells the whole story, and holds.
    olga.go("/audit")
    olga.look_over()
    types = {each["type"] for each in service.told("audit", "list", "--limit", "500")}
    assert {
        "api_created", "account_created", "member_invited", "member_joined", "client_created",
        "access_requested", "access_request_approved", "rotation_started", "rotation_finished",
        "token_issued", "token_refused", "signed_in",
    } <= types  # fmt: skip
    assert service.told("audit", "verify")["is_whole"]

    # Signed out is signed out.
    dev.go("/")
    dev.press("Sign out")
    dev.reads("You are signed out.")
    dev.go("/clients")
    dev.reads("Sign in")
    dev.look_over()
