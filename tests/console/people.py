"""A running service with people in it, and browsers in which they are signed in."""

import base64
import re
from contextlib import asynccontextmanager
from html import unescape
from urllib.parse import urlencode

import httpx2

from tests.server.booths import BASE_URL, Town
from tokenbooth.console.mount import console_mounts
from tokenbooth.console.origin import csrf_token
from tokenbooth.management.people import second_factor
from tokenbooth.management.people.sessions import Visitor, open_session
from tokenbooth.protocol import one_time_code
from tokenbooth.server.app import TokenService
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.people_records import Member
from tokenbooth.server.records import Account, Api, ApiAccess, ApiScope, Client

ROOT = "/console"
COOKIE = "__Host-tokenbooth"
PASSWORD = "four quiet horses graze"
_LINK = re.compile(rf"{re.escape(BASE_URL)}{ROOT}(/join/[A-Za-z0-9_-]{{43}})")

PEOPLE = {
    "operator": ("operator", None),
    "auditor": ("auditor", None),
    "owner": ("owner", "acme"),
    "member": ("member", "acme"),
    "reader": ("auditor", "acme"),
    "stranger": ("owner", "globex"),
}


def email_of(who):
    """The address of somebody in PEOPLE."""
    return f"{who}@{PEOPLE[who][1] or 'booth'}.example"


async def make_people(settings, clock, password_hash):
    """Make a database with PEOPLE, their accounts, a client for each account, and two APIs."""
    booth = await open_booth(settings, clock=clock)
    town = Town(app=None, booth=booth, http=None, clock=clock)
    now = clock.now()
    try:
        for name, title in (("acme", "Acme Ltd"), ("globex", "Globex Corporation")):
            await booth.store.add_account(Account(name=name, title=title, created_at=now))
        for who, (role, account) in PEOPLE.items():
            await booth.store.add_member(
                Member(
                    id=f"m-{who}",
                    email=email_of(who),
                    name=who.title(),
                    role=role,
                    account=account,
                    password_hash=password_hash,
                    created_at=now,
                )
            )
        for name, self_service, scopes in (
            ("persons", True, {"persons:read": "Look people up", "persons:write": ""}),
            ("orders", False, {"orders:read": "See orders"}),
        ):
            await booth.store.add_api(
                Api(
                    issuer="default",
                    name=name,
                    audience=f"https://{name}.example.com",
                    scopes=tuple(
                        ApiScope(name=each, description=text) for each, text in scopes.items()
                    ),
                    self_service=self_service,
                    created_at=now,
                )
            )
        for account in ("acme", "globex"):
            await booth.store.add_client(_client(account, now))
            await town.add_secret(f"{account}-app")
    finally:
        await booth.close()


def _client(account, now):
    access = (ApiAccess(api="persons", scopes=("persons:read",)),)
    return Client(
        issuer="default",
        client_id=f"{account}-app",
        name=f"The app of {account}",
        account=account,
        access=access,
        created_at=now,
        updated_at=now,
    )


class PeopleTown(Town):
    """A running service; `sign_in` gives a browser in which somebody is signed in."""

    def __init__(self, **parts):
        super().__init__(**parts)
        self._browsers = []

    def browser(self, **headers):
        """A browser in which nobody is signed in."""
        transport = httpx2.ASGITransport(self.app)
        http = httpx2.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)
        self._browsers.append(http)
        return Browser(http)

    async def sign_in(self, who, **headers):
        """A browser in which `who` of PEOPLE is signed in; no password is hashed for it."""
        member = await self.store.find_member(email=email_of(who))
        visitor = Visitor(source="192.0.2.1", agent="tests", request_id="r")
        opened = await open_session(self.booth, member, visitor, how="password")
        browser = self.browser(**headers)
        host = BASE_URL.partition("://")[2]
        browser.http.cookies.set(COOKIE, opened.cookie.reveal(), domain=host, path="/")
        return browser

    async def close(self):
        for http in self._browsers:
            await http.aclose()


class Browser:
    """Asks for pages of the console as a browser does; `path` is below the console's root."""

    def __init__(self, http):
        self.http = http

    @property
    def cookie(self):
        return self.http.cookies.get(COOKIE)

    @property
    def csrf(self):
        return csrf_token(self.cookie) if self.cookie else ""

    async def get(self, path, *, headers=None, **query):
        asked = f"?{urlencode(query)}" if query else ""
        return await self.http.get(f"{ROOT}{path}{asked}", headers=headers)

    async def post(self, path, fields=None, *, csrf=None, headers=None, **more):
        """Post a form as a page of ours would; lists become several fields of one name."""
        form = {"csrf": self.csrf if csrf is None else csrf} | (fields or {}) | more
        return await self.http.post(
            ROOT + path,
            content=urlencode(form, doseq=True),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": BASE_URL,
            }
            | (headers or {}),
        )

    async def follow(self, answer):
        """Go where a redirect leads."""
        assert answer.status_code == 303, words(answer)
        return await self.http.get(answer.headers["location"])


@asynccontextmanager
async def running(settings, clock):
    """Run the service with its console."""
    opened = []

    async def mounts(booth):
        opened.append(booth)
        return console_mounts(booth, app)

    app = TokenService(settings, base_url=BASE_URL, make_mounts=mounts, clock=clock)
    async with app.running():
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=BASE_URL) as http:
            town = PeopleTown(app=app, booth=opened[0], http=http, clock=clock)
            try:
                yield town
            finally:
                await town.close()


async def add_app(town, who):
    """Give somebody a second factor; returns its key and the recovery codes."""
    member = await town.store.find_member(email=email_of(who))
    enrolment = second_factor.begin_enrolment(town.booth, member)
    key = key_of(enrolment.secret.reveal())
    codes = await second_factor.finish_enrolment(
        town.booth,
        member,
        unverified_sealed=enrolment.sealed.reveal(),
        code=code_now(town, key),
    )
    town.clock.travel(60)
    return key, [code.reveal() for code in codes]


def key_of(shown):
    """The key of an authenticator app, from the text that a page shows."""
    return base64.b32decode(shown.replace(" ", "").upper())


def code_now(town, key):
    """What an app with that key shows now."""
    return one_time_code.code_at(key, one_time_code.step_at(town.clock.now()))


def words(answer):
    """What a page says, without its markup, each run of white space as one space."""
    text = re.sub(r"<(script|style|title)\b.*?</\1>", " ", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def value_of(answer, name):
    """The value of the first field of that name in a page's forms."""
    for tag in re.findall(r"<(?:input|button)\b[^>]*>", answer.text):
        if re.search(rf'\bname="{re.escape(name)}"', tag):
            found = re.search(r'\bvalue="([^"]*)"', tag)
            return unescape(found[1]) if found else ""
    raise AssertionError(f"The page has no field {name!r}.")


def secret_in(answer):
    """The secret that a page shows."""
    found = set(re.findall(r"tbs_[A-Za-z0-9_]+", answer.text))
    assert len(found) == 1, found
    return found.pop()


def link_in(answer):
    """The path of the one-time link that a page shows, below the console's root."""
    return _LINK.search(answer.text)[1]
