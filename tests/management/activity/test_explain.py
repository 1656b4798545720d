"""Why a request was refused: what its owner and the operator are told, and nobody else."""

import pytest

from tokenbooth.management.activity.explain import explain_reason, explain_refusal, list_refusals
from tokenbooth.management.clients.clients import create_client, delete_client, set_enabled
from tokenbooth.management.errors import Missing, NotAllowed
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.rights import ROLES
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import RefusedRequest

ID = "0123456789abcdef01234567"


@pytest.fixture
async def acme(booth):
    await create_account(booth, name="acme")
    await create_account(booth, name="globex")
    return await create_client(booth, client_id="ada", apis=["persons"], account="acme")


def member(booth, account):
    return booth.acting_as(Actor(kind="member", rights=ROLES["member"], account=account))


async def refuse(booth, reason="wrong_secret", **changes):
    filled = {
        "request_id": ID,
        "at": booth.clock.now(),
        "endpoint": "token",
        "status": 401,
        "error": "invalid_client",
        "reason": reason,
        "issuer": "default",
        "client_id": "ada",
        "source": "192.0.2.1",
    }
    await booth.store.record_activity(refused=[RefusedRequest(**filled | changes)])


async def test_says_why_and_what_to_do(booth, acme):
    await refuse(booth, credential_id=acme.secret.credential_id)

    told = await explain_refusal(booth, ID)

    assert told.refusal.why == "The client exists, and the secret is not one of its secrets."
    assert "tokenbooth credentials rotate ada" in told.refusal.remedy
    assert told.refusal.source == "192.0.2.1"
    ending = acme.secret.client_secret.reveal()[-4:]
    assert any(acme.secret.credential_id in hint and ending in hint for hint in told.hints)


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("invalid_scope", "The client may have: persons (a b)"),
        ("no_access", "The client has access to: persons"),
        ("unauthorized_client", "The client has the grants: client_credentials, refresh_token"),
        ("wrong_method", "The client authenticates by: client_secret_basic, client_secret_post"),
    ],
)
async def test_tells_what_the_client_may_do_instead(booth, acme, reason, hint):
    await refuse(booth, reason)

    assert (await explain_refusal(booth, ID)).hints == (hint,)


async def test_tells_that_the_secret_is_another_ones_or_gone(booth, acme):
    await refuse(booth, credential_id="abcdefghijkl")

    assert "names the credential abcdefghijkl" in (await explain_refusal(booth, ID)).hints[0]


async def test_tells_that_the_client_is_disabled_now(booth, acme):
    await set_enabled(booth, "ada", enabled=False)
    await refuse(booth)

    assert "The client is disabled now." in (await explain_refusal(booth, ID)).hints


async def test_tells_the_operator_at_which_issuer_the_client_is(booth, acme):
    await create_issuer(booth, name="sandbox")
    await refuse(booth, "unknown_client", issuer="sandbox")

    assert (await explain_refusal(booth, ID)).hints == (
        "A client of that id exists at the issuer 'default'.",
    )


async def test_an_account_sees_refusals_of_its_own_clients_alone(booth, acme):
    await refuse(booth)
    await refuse(booth, "unknown_client", request_id="f" * 24, client_id="nobody")

    assert (await explain_refusal(member(booth, "acme"), ID)).refusal.request_id == ID
    unseen = [
        (member(booth, "globex"), ID),
        (member(booth, "acme"), "f" * 24),
        (member(booth, "acme"), "0" * 24),
    ]
    texts = set()
    for eyes, request_id in unseen:
        with pytest.raises(Missing) as caught:
            await explain_refusal(eyes, request_id)
        texts.add(str(caught.value).replace(request_id, "ID"))
    assert len(texts) == 1
    assert [r.request_id for r in await list_refusals(member(booth, "acme"))] == [ID]
    assert await list_refusals(member(booth, "globex")) == ()
    assert await list_refusals(member(booth, "globex"), account="acme") == ()
    assert len(await list_refusals(booth)) == 2


async def test_who_may_not_read_the_trail_gets_no_explanation(booth, acme):
    await refuse(booth)
    app = booth.acting_as(Actor(kind="client", rights=frozenset({"clients:read"})))
    with pytest.raises(NotAllowed):
        await explain_refusal(app, ID)
    with pytest.raises(NotAllowed):
        await list_refusals(app)


async def test_names_what_was_claimed_only_where_it_can_be_copied_safely(booth, acme):
    await refuse(booth, client_id="x; rm -rf ~")

    assert "rm" not in (await explain_refusal(booth, ID)).refusal.remedy


async def test_what_is_not_known_says_where_to_look(booth):
    with pytest.raises(Missing, match="kept 7 days") as caught:
        await explain_refusal(booth, ID)
    assert "within seconds" in str(caught.value)


def test_explains_a_code_and_a_reason():
    assert explain_reason("invalid_client").remedy == "Check the client ID and the secret."
    assert explain_reason("refresh_expired").why == "The refresh token has expired."
    with pytest.raises(Missing, match="Did you mean 'wrong_secret'"):
        explain_reason("wrong_secrt")


async def test_whoever_takes_an_id_that_was_free_again_learns_nothing_of_its_past(
    booth, acme, clock
):
    await refuse(booth, agent="acme's own program")
    await delete_client(booth, "ada", force=True)
    clock.travel(3600)
    globex = member(booth, "globex")
    await create_client(booth, client_id="ada", apis=["persons"], account="globex")
    await refuse(booth, request_id="b" * 24)

    with pytest.raises(Missing):
        await explain_refusal(globex, ID)
    assert [each.request_id for each in await list_refusals(globex)] == ["b" * 24]
    assert (await explain_refusal(booth, ID)).refusal.agent == "acme's own program"
