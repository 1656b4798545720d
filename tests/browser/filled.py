"""A service with a past: people, clients, tokens, refusals, a request and a rotation under way."""

import math
from concurrent.futures import ThreadPoolExecutor

from tests.end_to_end.service import Registered, Service, eventually
from tokenbooth.management.clients.access_requests import request_access
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.people.invitations import invite, join
from tokenbooth.management.people.links import invitation_id
from tokenbooth.management.people.sessions import Visitor, actor_for
from tokenbooth.management.service.apis import create_api
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.audit_records import Usage
from tokenbooth.server.bootstrap import Booth

OPERATOR = "olga@example.com"
PASSWORD = "nine grey herons wade"
HOUR = 3600


def _past(client_id: str, hour: int, number: int) -> list[Usage]:
    """Two weeks of a client's life: more by day than by night, and now and then a refusal."""
    counts = []
    for back in range(14 * 24):
        at = hour - back * HOUR
        day = 0.5 + 0.5 * math.sin((at / HOUR % 24 - 8 + number) * math.pi / 12)
        counts.append((at, "issued", int((90 + 60 * number) * (0.35 + day))))
        if back % 11 == number:
            counts.append((at, "wrong_secret", 2 + int(9 * day)))
            counts.append((at, "invalid_scope", 1 + number))
    return [
        Usage(hour=at, issuer="default", client_id=client_id, outcome=outcome, count=count)
        for at, outcome, count in counts
    ]


async def _person(booth: Booth, email: str, name: str, role: str, account: str | None = None):
    made = await invite(booth, email=email, role=role, account=account)
    code = made.link.reveal().rpartition("/")[2]
    visitor = Visitor(source="192.0.2.1", agent="Firefox")
    joined = await join(
        booth, unverified_code=code, password=Secret(PASSWORD), visitor=visitor, name=name
    )
    return joined.member


async def _fill(booth: Booth) -> dict[str, str]:
    await _person(booth, OPERATOR, "Olga Operator", "operator")
    for name, title in (("acme", "Acme Ltd"), ("globex", "Globex Corporation")):
        await create_account(booth, name=name, title=title)
    dev = await _person(booth, "dev@acme.example", "Dana Developer", "owner", "acme")
    await _person(booth, "ann@acme.example", "Ann Auditor", "auditor", "acme")
    for name, scopes, self_service in (
        ("persons", "persons:read persons:write", True),
        ("payments", "payments:send", False),
    ):
        await create_api(
            booth, name=name, audience=f"https://{name}.example.com", scopes=scopes,
            self_service=self_service,
        )  # fmt: skip
    own = booth.acting_as(actor_for(dev))
    found, usage = {}, []
    for number, (client_id, title) in enumerate(
        [
            ("nightly-import", "Nightly import"),
            ("web-shop", "Web shop"),
            ("reporting", "Reporting"),
            ("driver-app", "Driver app"),
        ]
    ):
        made = await create_client(
            own, apis=["persons"], client_id=client_id, name=title, label="Server in Oslo"
        )
        found[client_id] = made.secret.client_secret.reveal()
        usage += _past(client_id, int(booth.clock.now() // HOUR) * HOUR, number)
    await booth.store.record_activity(usage=usage)
    request = await request_access(
        own, "nightly-import", api="payments", reason="To pay our drivers every night."
    )
    registered = await booth.store.get_client("default", "nightly-import")
    await rotate_secret(own, "web-shop", overlap=7 * 86_400)
    await invite(booth, email="new@globex.example", role="owner", account="globex")
    pending = (await booth.store.list_invitations("globex"))[0]
    key = next(each for each in await booth.store.list_keys() if each.purpose == "sign")
    return found | {
        "member": dev.id,
        "id": request.id,
        "credential": registered.credentials[0].id,
        "credential_id": registered.credentials[0].id,
        "kid": key.kid,
        "seq": str((await booth.store.audit_head()).seq),
        "invitation": invitation_id(pending),
    }


def fill(service: Service) -> dict[str, str]:
    """Give the service its past; returns what the names in addresses stand for."""
    with ThreadPoolExecutor(1) as elsewhere:  # here the browser's own event loop runs
        found = elsewhere.submit(service.manage, _fill).result()
    client = Registered(client_id="nightly-import", secret=found.pop("nightly-import"))
    wrong = Registered(client_id="nightly-import", secret="tbs_nobody")
    eventually(lambda: service.token(client).status_code == 200, within=10)
    for _ in range(3):
        service.token(wrong)
        service.token(client, scope="persons:delete")
    return {name: value for name, value in found.items() if not value.startswith("tbs_")}
