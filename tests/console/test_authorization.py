"""Every page × everybody × own and foreign things: nobody sees or touches what is not theirs."""

import re

import pytest

from tests.console.people import PEOPLE, email_of, words
from tests.server.booths import BASE_URL
from tokenbooth.console.all_pages import ALL_PAGES
from tokenbooth.management.clients.access_requests import request_access
from tokenbooth.management.people.invitations import invite
from tokenbooth.management.people.sessions import actor_for
from tokenbooth.management.rights import ROLES

# What the names in addresses stand for: a thing of acme, and one of globex that acme must not see.
# A page with another name in its address fails here until it is said what that stands for.
SHARED = {"issuer": "default", "name": "default", "kid": "none", "format": "curl", "what": "env"}
OPEN = [page for page in ALL_PAGES if page.is_open]
CLOSED = [page for page in ALL_PAGES if not page.is_open]
OF_ACCOUNTS = [who for who, (_, account) in PEOPLE.items() if account is not None]


def names_in(page):
    return re.findall(r"\{(\w+)(?::\w+)?\}", page.path)


def address(page, things):
    found = page.path
    for name in names_in(page):
        assert name in things, f"Say in this file what {{{name}}} of {page.path} stands for."
        found = re.sub(rf"\{{{name}(?::\w+)?\}}", str(things[name]), found)
    return found


def methods(page):
    return [method for method, does in (("GET", page.show), ("POST", page.act)) if does]


async def ask(browser, method, path, **more):
    if method == "GET":
        return await browser.get(path, **more)
    return await browser.post(path, {"once": "x" * 22}, **more)


@pytest.fixture
async def things(town):
    """By account: what the names in addresses stand for."""
    found = {}
    for account, who in (("acme", "owner"), ("globex", "stranger")):
        member = await town.store.find_member(email=email_of(who))
        own = town.booth.acting_as(actor_for(member))
        client_id = f"{account}-app"
        registered = await town.store.get_client("default", client_id)
        request = await request_access(
            own, client_id, api="orders", scopes=["orders:read"], reason="For the shop",
            issuer="default",
        )  # fmt: skip
        await invite(own, email=f"new@{account}.example", role="member", account=account)
        invitation = (await town.store.list_invitations(account))[0]
        head = await town.store.audit_head()
        found[account] = SHARED | {
            "client_id": client_id,
            "credential": registered.credentials[0].id,
            "credential_id": registered.credentials[0].id,
            "account": account,
            "member": f"m-{who}",
            "invitation": invitation.digest[:16],
            "id": request.id,
            "seq": head.seq,
            "session": "0" * 16,
        }
    return found


async def everything(town):
    """The whole database, but for who was seen when."""
    lines, table = [], b""

    def take(line):
        nonlocal table
        if line.startswith(b'{"table"'):
            table = line
        if not any(name in table for name in (b'"sessions"', b'"claims"')):
            lines.append(line)

    await town.store.dump(take, report=lambda _: None)
    return lines[1:-1]


async def test_whoever_is_not_signed_in_is_sent_to_sign_in(town, things):
    nobody = town.browser()
    for page in CLOSED:
        for method in methods(page):
            answer = await ask(nobody, method, address(page, things["acme"]))
            assert answer.status_code == 303, (method, page.path, answer.status_code)
            assert answer.headers["location"].startswith("/console/sign-in")


@pytest.mark.parametrize("who", PEOPLE)
async def test_nobody_does_what_the_role_does_not_allow(town, things, who):
    role, account = PEOPLE[who]
    browser = await town.sign_in(who)
    before = await everything(town)
    refused = 0
    for page in CLOSED:
        if page.right is None or page.right in ROLES[role]:
            continue
        for method in methods(page):
            answer = await ask(browser, method, address(page, things[account or "acme"]))
            assert answer.status_code == 403, (who, method, page.path, answer.status_code)
            assert page.right in words(answer)
            refused += 1
    assert (refused > 0) == (role != "operator")
    assert await everything(town) == before


@pytest.mark.parametrize("who", OF_ACCOUNTS)
async def test_what_belongs_to_others_is_not_there(town, things, who):
    role, account = PEOPLE[who]
    other = "globex" if account == "acme" else "acme"
    browser = await town.sign_in(who)
    before = await everything(town)
    tried = 0
    for page in CLOSED:
        if set(names_in(page)) <= SHARED.keys() | {"session"}:
            continue  # nothing in its address belongs to anybody
        if page.right is not None and page.right not in ROLES[role]:
            continue
        for method in methods(page):
            answer = await ask(browser, method, address(page, things[other]))
            # 403 where the role changes nothing of that kind; 303 from pages that show nothing.
            allowed = {404, 403} if method == "POST" else {404, 303}
            assert answer.status_code in allowed, (who, method, page.path, words(answer)[-300:])
            shown = answer.text.replace(things[other]["client_id"], "", 3)
            assert f"The app of {other}" not in shown
            tried += 1
    assert tried >= 5
    assert await everything(town) == before


@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_sees_what_the_role_allows(town, things, who):
    role, account = PEOPLE[who]
    browser = await town.sign_in(who)
    for page in CLOSED:
        if page.show is None or (page.right is not None and page.right not in ROLES[role]):
            continue
        answer = await browser.get(address(page, things[account or "acme"]))
        # 403: pages that the role allows in part, which operators alone see whole.
        assert answer.status_code in (200, 303, 403, 404), (page.path, answer.status_code)
        other = "globex" if account == "acme" else "acme"
        if account is not None:
            assert f"{other}-app" not in answer.text, page.path
            assert f"The app of {other}" not in answer.text, page.path


@pytest.mark.parametrize("who", ["operator", "owner"])
async def test_no_form_is_taken_from_elsewhere_or_without_its_mark(town, things, who):
    browser = await town.sign_in(who)
    before = await everything(town)
    account = PEOPLE[who][1] or "acme"
    for page in CLOSED:
        if page.act is None or (page.right and page.right not in ROLES[PEOPLE[who][0]]):
            continue
        path = address(page, things[account])
        for csrf, headers in (
            ("", {}),
            ("0" * 64, {}),
            (None, {"Origin": "https://evil.example"}),
            (None, {"Origin": "null"}),
            (None, {"Sec-Fetch-Site": "cross-site", "Origin": BASE_URL}),
        ):
            answer = await browser.post(path, {"once": "x" * 22}, csrf=csrf, headers=headers)
            assert answer.status_code == 403, (page.path, csrf, headers)
    assert await everything(town) == before


async def test_every_page_keeps_to_the_policy_and_out_of_caches(town, things):
    browser = await town.sign_in("operator")
    for page in ALL_PAGES:
        path = address(page, things["acme"] | {"code": "unknown"})
        answer = await (browser.get(path) if page.show else browser.post(path, csrf="wrong"))

        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.status_code < 500, page.path
        for part in ("<script>", " onclick=", " style=", "javascript:"):
            assert part not in answer.text, page.path
