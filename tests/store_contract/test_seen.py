"""What is replaced is as it was seen, or nothing happens; what is done together happens whole."""

from dataclasses import replace

import pytest

from tests.store_contract.samples import NOW, account, api, client, credential, issuer, use
from tokenbooth.server.records import ClientPolicy
from tokenbooth.server.stores.contract import NotFound, Stale


@pytest.fixture
async def owned(filled):
    await filled.add_account(account())
    await filled.add_client(client(), [credential()])
    return filled


async def test_a_client_is_replaced_and_deleted_only_as_it_was_seen(owned):
    seen = client()
    changed = replace(seen, policy=ClientPolicy(disabled_by="operator"), enabled=False)
    await owned.replace_client(changed, seen=seen)

    with pytest.raises(Stale):
        await owned.replace_client(replace(seen, name="lost"), seen=seen)
    with pytest.raises(Stale):
        await owned.delete_client("default", "ada", seen=seen)

    assert (await owned.get_client("default", "ada")).client == changed
    await owned.delete_client("default", "ada", seen=changed)
    with pytest.raises(NotFound):
        await owned.replace_client(changed, seen=changed)


async def test_a_credential_is_replaced_and_deleted_only_as_it_was_seen(owned):
    seen = credential()
    await owned.record_uses([use(at=NOW + 9)])  # that it was used is no change
    changed = replace(seen, expires_at=NOW + 5, replaced_by="cred2", former_expires_at=NOW + 90)
    await owned.replace_credential(changed, seen=seen)

    with pytest.raises(Stale):
        await owned.replace_credential(replace(seen, label="lost"), seen=seen)
    with pytest.raises(Stale):
        await owned.delete_credential("default", "ada", "cred1", seen=seen)

    (found,) = (await owned.get_client("default", "ada")).credentials
    assert found == replace(changed, last_used_at=NOW + 9, last_used_from="127.0.0.1")
    await owned.delete_credential("default", "ada", "cred1", seen=found)
    with pytest.raises(NotFound):
        await owned.delete_credential("default", "ada", "cred1", seen=found)


async def test_an_api_and_an_issuer_are_replaced_only_as_they_were_seen(filled):
    await filled.add_api(api("orders"))
    for replace_it, seen, changed, lost in (
        (filled.replace_api, api("orders"), {"self_service": True}, {"audience": "https://l.ex"}),
        (filled.replace_issuer, issuer(), {"token_lifetime": 60}, {"token_lifetime": 90}),
    ):
        await replace_it(replace(seen, **changed), seen=seen)
        with pytest.raises(Stale):
            await replace_it(replace(seen, **lost), seen=seen)
    with pytest.raises(Stale):
        await filled.delete_api("default", "orders", seen=api("orders"))


async def test_what_is_done_together_is_done_in_one_step(owned):
    revision = await owned.revision()
    together = owned.together()
    await together.add_credential(credential("cred2"))
    await together.replace_credential(replace(credential(), replaced_by="cred2"), seen=credential())
    before = await owned.get_client("default", "ada")

    await together.commit()

    after = await owned.get_client("default", "ada")
    assert [each.id for each in before.credentials] == ["cred1"]
    assert {each.id: each.replaced_by for each in after.credentials} == {
        "cred1": "cred2",
        "cred2": None,
    }
    assert {each.id for each in await owned.changes_since(revision)} == {"ada"}


async def test_nothing_of_what_is_done_together_is_done_if_a_part_is_refused(owned):
    revision = await owned.revision()
    together = owned.together()
    await together.add_credential(credential("cred2"))
    await together.replace_client(client(name="new"), seen=client(name="other"))

    with pytest.raises(Stale):
        await together.commit()

    assert [each.id for each in (await owned.get_client("default", "ada")).credentials] == ["cred1"]
    assert await owned.revision() == revision


async def test_credentials_to_mind_end_soon_are_replaced_or_unused(owned):
    old = NOW - 100
    await owned.add_client(
        client("bob", account="acme"),
        [
            credential("ends", "bob", expires_at=NOW + 5),
            credential("ended", "bob", expires_at=NOW - 5, created_at=old),
            credential("later", "bob", expires_at=NOW + 50),
            credential("replaced", "bob", replaced_by="ends"),
            credential("unused", "bob", created_at=old),
            credential("used", "bob", created_at=old),
        ],
    )
    await owned.record_uses([use("used", client_id="bob", at=NOW - 1)])

    async def ids(**which):
        found = await owned.list_credentials_to_mind(
            now=NOW, expires_before=NOW + 10, used_before=NOW - 50, **which
        )
        return [(each.credential.id, each.account) for each in found]

    assert await ids() == [("ends", "acme"), ("replaced", "acme"), ("unused", "acme")]
    assert await ids(account="acme", limit=1) == [("ends", "acme")]
    assert await ids(account="nobody") == []
    assert await ids(issuer="sandbox") == []
