"""People for tests: they join as people do, and act with what their role allows."""

from dataclasses import dataclass

from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.people.invitations import first_operator_link, invite, join
from tokenbooth.management.people.sessions import SignedIn, Visitor, actor_for
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth

PASSWORD = Secret("correct horse battery")
HOME = Visitor(source="192.0.2.7", agent="Firefox", request_id="req-1")


def code_of(link) -> str:
    return link.link.reveal().rpartition("/")[2]


@dataclass
class People:
    """A booth with an operator, and two accounts with people of each role."""

    booth: Booth
    signed_in: dict[str, SignedIn]

    def acting(self, who: str) -> Booth:
        return self.booth.acting_as(actor_for(self.signed_in[who].member, source="192.0.2.7"))

    async def member(self, who: str):
        return await self.booth.store.get_member(self.signed_in[who].member.id)


async def first_operator(booth: Booth, email: str = "op@example.com") -> SignedIn:
    link = await first_operator_link(booth)
    return await join(
        booth, unverified_code=code_of(link), email=email, password=PASSWORD, visitor=HOME
    )


async def add(booth: Booth, email: str, role: str, account: str | None = None) -> SignedIn:
    link = await invite(booth, email=email, role=role, account=account)
    return await join(booth, unverified_code=code_of(link), password=PASSWORD, visitor=HOME)


async def everybody(booth: Booth) -> People:
    signed_in = {"operator": await first_operator(booth, "operator@example.com")}
    for account in ("acme", "globex"):
        await create_account(booth, name=account)
    for who, role, account in (
        ("auditor", "auditor", None),
        ("owner", "owner", "acme"),
        ("member", "member", "acme"),
        ("reader", "auditor", "acme"),
        ("stranger", "owner", "globex"),
    ):
        signed_in[who] = await add(booth, f"{who}@example.com", role, account)
    return People(booth, signed_in)


async def events_of(booth: Booth, type_: str | None = None):
    trail = await booth.store.audit_trail(0, limit=1000)
    return [each.event for each in trail if type_ in (None, each.event.type)]
