"""How an issuer gives tokens changes, within what its profile allows."""

import pytest

from tokenbooth.management.errors import BadInput, NotAllowed, Outdated
from tokenbooth.management.rights import ROLES
from tokenbooth.management.service.issuer_changes import IssuerChanges, change_issuer
from tokenbooth.management.service.issuers import find_issuer, show_issuer
from tokenbooth.management.versions import version_of
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import EventFilter

pytestmark = pytest.mark.anyio


async def test_changes_what_is_given_and_leaves_the_rest(booth):
    before = await show_issuer(booth, "default")
    changed = await change_issuer(
        booth, "default", IssuerChanges(token_lifetime=600, dpop_nonce=True)
    )

    assert changed == await show_issuer(booth, "default")
    assert (changed.token_lifetime, changed.policy.dpop_nonce) == (600, True)
    assert (changed.token_format, changed.dialect, changed.alg) == (
        before.token_format,
        before.dialect,
        before.alg,
    )
    (entry,) = await booth.store.list_events(EventFilter(type="issuer_changed"))
    assert entry.event.details["changes"] == {
        "token_lifetime": [3600, 600],
        "dpop_nonce": [False, True],
    }


@pytest.mark.parametrize(
    "changes",
    [
        IssuerChanges(token_lifetime=0),
        IssuerChanges(token_lifetime=32 * 86_400),
        IssuerChanges(refresh_lifetime=401 * 86_400),
        IssuerChanges(dialect="klingon"),
        IssuerChanges(profile="fapi9"),
        IssuerChanges(token_format="paper"),
        IssuerChanges(profile="fapi2", refresh_tokens=True),
    ],
)
async def test_refuses_what_cannot_be(booth, changes):
    with pytest.raises(BadInput):
        await change_issuer(booth, "default", changes)


async def test_refuses_a_change_of_what_somebody_changed_meanwhile(booth):
    version = version_of(await find_issuer(booth, "default"))
    await change_issuer(booth, "default", IssuerChanges(token_lifetime=600))

    with pytest.raises(Outdated):
        await change_issuer(booth, "default", IssuerChanges(token_lifetime=60), version=version)


async def test_auditors_change_no_issuer(booth):
    auditor = Actor(kind="member", name="ada@example.com", rights=ROLES["auditor"])
    with pytest.raises(NotAllowed):
        await change_issuer(booth.acting_as(auditor), "default", IssuerChanges(token_lifetime=60))
