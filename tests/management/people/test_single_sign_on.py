"""Single sign-on: only who was invited gets in, and afterwards by identity alone."""

import asyncio
from dataclasses import replace

import pytest

from tests.management.people.oidc import CLIENT_ID, CLIENT_SECRET, returned, running
from tests.management.people.people import HOME, add, code_of, events_of, first_operator
from tokenbooth.management.errors import Failed, Missing, SignInRefused, TooManyAttempts
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.people.invitations import invite
from tokenbooth.management.people.members import disable_member
from tokenbooth.management.people.sessions import SignedIn
from tokenbooth.management.people.sign_in import CodeNeeded
from tokenbooth.management.people.single_sign_on import SingleSignOn
from tokenbooth.protocol.keys import generate_key

pytestmark = pytest.mark.usefixtures("cheap_hashes")


@pytest.fixture
def provider(clock):
    with running(clock) as started:
        yield started


class Elsewhere:
    """A browser that signs in at the provider."""

    def __init__(self, booth, provider):
        self.booth, self.provider = booth, provider
        self.sso = SingleSignOn.of(booth)

    async def begin(self, **given):
        return await self.sso.begin(self.booth, **given)

    async def sign_in(self, **given):
        begun = await self.begin(**given)
        return await self.finish(begun, await asyncio.to_thread(returned, begun.address))

    async def finish(self, begun, query):
        return await self.sso.finish(
            self.booth,
            unverified_query=query,
            unverified_pending=begun.pending.reveal(),
            visitor=HOME,
        )


@pytest.fixture
async def elsewhere(booth, provider, monkeypatch):
    monkeypatch.setenv("PROVIDER_SECRET", CLIENT_SECRET)
    settings = replace(
        booth.settings,
        sso_issuer=provider.issuer,
        sso_client_id=CLIENT_ID,
        sso_client_secret="env:PROVIDER_SECRET",
    )
    booth = replace(booth, settings=settings)
    await first_operator(booth)
    await create_account(booth, name="acme")
    return Elsewhere(booth, provider)


async def invited(elsewhere, email="ann@example.com"):
    return await invite(elsewhere.booth, email=email, role="member", account="acme")


async def test_without_a_provider_there_is_no_single_sign_on(booth):
    assert SingleSignOn.of(booth) is None


async def test_who_is_invited_joins_without_a_password(elsewhere):
    link = await invited(elsewhere)

    signed_in = await elsewhere.sign_in(unverified_code=code_of(link))

    member = signed_in.member
    assert (member.email, member.role, member.account) == ("ann@example.com", "member", "acme")
    assert (member.password_hash, member.identity) == (None, f"{elsewhere.provider.issuer} u-1")
    assert (await events_of(elsewhere.booth, "signed_in"))[-1].details["how"] == "single sign-on"
    with pytest.raises(Missing):
        await elsewhere.begin(unverified_code=code_of(link))


async def test_an_invitation_is_found_by_its_email_too(elsewhere):
    await invited(elsewhere)

    assert isinstance(await elsewhere.sign_in(), SignedIn)


async def test_who_was_not_invited_stays_out(elsewhere):
    with pytest.raises(SignInRefused, match="nobody invited you"):
        await elsewhere.sign_in()
    event = (await events_of(elsewhere.booth, "sign_in_refused"))[-1]
    assert (event.reason, event.subject) == ("not_invited", "ann@example.com")


async def test_a_link_for_somebody_else_is_not_joined_by(elsewhere):
    link = await invited(elsewhere, "bob@example.com")

    with pytest.raises(SignInRefused, match="nobody invited you"):
        await elsewhere.sign_in(unverified_code=code_of(link))


@pytest.mark.parametrize("verified", [None, False, "true", 1])
async def test_an_email_counts_only_if_the_provider_verified_it(elsewhere, verified):
    await invited(elsewhere)
    elsewhere.provider.claims = {"email_verified": verified}

    with pytest.raises(SignInRefused, match="not verified"):
        await elsewhere.sign_in()


async def test_a_member_is_known_by_identity_afterwards(elsewhere):
    await invited(elsewhere)
    await elsewhere.sign_in()
    elsewhere.provider.user = {"sub": "u-1", "email": "new@example.com", "email_verified": False}

    assert (await elsewhere.sign_in()).member.email == "ann@example.com"


async def test_another_identity_with_the_same_email_stays_out(elsewhere):
    await invited(elsewhere)
    await elsewhere.sign_in()
    elsewhere.provider.user["sub"] = "u-2"

    with pytest.raises(SignInRefused, match="Somebody else"):
        await elsewhere.sign_in()


async def test_a_member_with_a_password_gets_the_identity_at_first(elsewhere):
    member = (await add(elsewhere.booth, "ann@example.com", "member", "acme")).member

    assert (await elsewhere.sign_in()).member.id == member.id
    # Whoever chose that password need not be who owns the address.
    assert (await elsewhere.booth.store.get_member(member.id)).password_hash is None
    assert (await events_of(elsewhere.booth, "member_changed"))[-1].actor == (
        "member:ann@example.com"
    )


async def test_a_disabled_member_stays_out(elsewhere):
    await invited(elsewhere)
    await elsewhere.sign_in()
    await disable_member(elsewhere.booth, "ann@example.com")

    with pytest.raises(SignInRefused):
        await elsewhere.sign_in()


async def test_a_second_factor_is_asked_here_too(elsewhere):
    member = (await add(elsewhere.booth, "ann@example.com", "member", "acme")).member
    stored = await elsewhere.booth.store.get_member(member.id)
    await elsewhere.booth.store.replace_member(replace(stored, totp=b"sealed"))

    assert isinstance(await elsewhere.sign_in(), CodeNeeded)


async def test_the_request_has_state_nonce_and_a_challenge(elsewhere):
    await invited(elsewhere)
    await elsewhere.sign_in()

    (asked,) = elsewhere.provider.requests
    assert asked["response_type"] == "code"
    assert asked["scope"] == "openid email profile"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://127.0.0.1:8080/console/sign-in/elsewhere/back"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3


async def test_an_answer_counts_once(elsewhere):
    await invited(elsewhere)
    begun = await elsewhere.begin()
    query = await asyncio.to_thread(returned, begun.address)
    await elsewhere.finish(begun, query)

    with pytest.raises(SignInRefused, match="Sign in again"):
        await elsewhere.finish(begun, query)


async def test_an_answer_to_another_browser_signs_nobody_in(elsewhere):
    await invited(elsewhere)
    mine, theirs = await elsewhere.begin(), await elsewhere.begin()
    query = await asyncio.to_thread(returned, theirs.address)

    with pytest.raises(SignInRefused, match="another browser"):
        await elsewhere.finish(mine, query)


async def test_an_answer_that_comes_late_is_refused(elsewhere, clock):
    begun = await elsewhere.begin()
    query = await asyncio.to_thread(returned, begun.address)
    clock.travel(600)

    with pytest.raises(SignInRefused, match="too long"):
        await elsewhere.finish(begun, query)


async def test_an_answer_of_another_provider_is_refused(elsewhere):
    begun = await elsewhere.begin()
    query = await asyncio.to_thread(returned, begun.address)

    with pytest.raises(SignInRefused):
        await elsewhere.finish(begun, query | {"iss": "https://other.example.com"})


async def test_a_refusal_of_the_provider_is_told(elsewhere):
    begun = await elsewhere.begin()
    query = await asyncio.to_thread(returned, begun.address)

    with pytest.raises(SignInRefused, match="access_denied"):
        await elsewhere.finish(begun, {"state": query["state"], "error": "access_denied"})


@pytest.mark.parametrize("query", [{}, {"state": ""}, {"state": "\u00e9"}, {"code": "x"}])
async def test_a_made_up_answer_is_refused(elsewhere, query):
    with pytest.raises(SignInRefused):
        await elsewhere.finish(await elsewhere.begin(), query)


@pytest.mark.parametrize("code", ["", "x", "x" * 5000])
async def test_a_made_up_code_is_refused(elsewhere, code):
    begun = await elsewhere.begin()
    query = await asyncio.to_thread(returned, begun.address)

    with pytest.raises(SignInRefused, match="cannot be used"):
        await elsewhere.finish(begun, query | {"code": code})


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://other.example.com"}, "wrong_issuer"),
        ({"iss": None}, "claim_missing"),
        ({"aud": "another-client"}, "wrong_audience"),
        ({"aud": [CLIENT_ID, "another"]}, "wrong_party"),
        ({"azp": "another"}, "wrong_party"),
        ({"aud": None}, "claim_missing"),
        ({"nonce": "another"}, "wrong_nonce"),
        ({"nonce": None}, "claim_missing"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"exp": None}, "claim_missing"),
        ({"exp": "soon"}, "claim_invalid"),
        ({"iat": 1_900_000_000, "exp": 1_800_000_100}, "not_yet_valid"),
        ({"sub": None}, "claim_missing"),
        ({"sub": ""}, "claim_invalid"),
        ({"sub": "x" * 256}, "claim_invalid"),
    ],
)
async def test_an_id_token_for_anything_else_is_refused(elsewhere, claims, reason):
    await invited(elsewhere)
    elsewhere.provider.claims = claims

    with pytest.raises(SignInRefused, match="cannot be used"):
        await elsewhere.sign_in()
    assert (await events_of(elsewhere.booth, "sign_in_refused"))[-1].reason == reason


async def test_several_audiences_need_us_as_the_party(elsewhere):
    await invited(elsewhere)
    elsewhere.provider.claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}

    assert await elsewhere.sign_in()


async def test_an_access_token_is_no_id_token(elsewhere):
    await invited(elsewhere)
    elsewhere.provider.typ = "at+jwt"

    with pytest.raises(SignInRefused):
        await elsewhere.sign_in()


async def test_a_token_of_another_key_is_refused(elsewhere):
    await invited(elsewhere)
    published = elsewhere.provider.key.public.kid
    other = generate_key("ES256")
    elsewhere.provider.key = replace(other, public=replace(other.public, kid=published))

    with pytest.raises(SignInRefused):
        await elsewhere.sign_in()


async def test_new_keys_of_the_provider_are_fetched(elsewhere, clock):
    await invited(elsewhere)
    await elsewhere.sign_in()
    elsewhere.provider.key = generate_key("ES256")
    elsewhere.provider.published = [elsewhere.provider.key.public.to_jwk()]
    clock.travel(60)

    assert await elsewhere.sign_in()


@pytest.mark.parametrize("answer", [{}, {"id_token": 7}, {"id_token": "x"}, [1]])
async def test_an_answer_without_a_token_is_refused(elsewhere, answer):
    elsewhere.provider.answer = answer

    with pytest.raises(SignInRefused, match="cannot be used"):
        await elsewhere.sign_in()


async def test_the_secret_goes_where_the_provider_takes_it(elsewhere):
    await invited(elsewhere)
    elsewhere.provider.metadata = {
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }

    assert await elsewhere.sign_in()


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_provider_that_fails_refuses_nobody(elsewhere, status):
    elsewhere.provider.status = status

    with pytest.raises(Failed):
        await elsewhere.sign_in()
    assert await events_of(elsewhere.booth, "sign_in_refused") == []


async def test_a_secret_that_cannot_be_read_is_told_without_it(elsewhere, monkeypatch):
    monkeypatch.delenv("PROVIDER_SECRET")

    with pytest.raises(Failed, match="TOKENBOOTH_SSO_CLIENT_SECRET"):
        await elsewhere.sign_in()


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example.com"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://example.com/authorize"},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(elsewhere, metadata):
    elsewhere.provider.metadata = metadata

    with pytest.raises(Failed, match="TOKENBOOTH_SSO_ISSUER"):
        await elsewhere.begin()


async def test_a_provider_that_is_away_is_told(elsewhere):
    gone = replace(elsewhere.booth.settings, sso_issuer="http://127.0.0.1:9")
    sso = SingleSignOn.of(replace(elsewhere.booth, settings=gone))

    with pytest.raises(Failed, match="Try again"):
        await sso.begin(elsewhere.booth)


async def test_answers_without_end_are_slowed(elsewhere):
    begun = await elsewhere.begin()
    for _ in range(50):
        with pytest.raises(SignInRefused):
            await elsewhere.finish(begun, {})

    with pytest.raises(TooManyAttempts):
        await elsewhere.finish(begun, {})


async def prove(elsewhere, signed_in, begun):
    return await elsewhere.sso.prove_again(
        elsewhere.booth,
        signed_in.session,
        signed_in.member,
        unverified_query=await asyncio.to_thread(returned, begun.address),
        unverified_pending=begun.pending.reveal(),
        visitor=HOME,
    )


async def test_a_proof_is_renewed_by_signing_in_again(elsewhere, clock):
    await invited(elsewhere)
    signed_in = await elsewhere.sign_in()
    clock.travel(3600)
    begun = await elsewhere.begin(fresh=True)

    assert (await prove(elsewhere, signed_in, begun)).proved_at == clock.now()
    assert elsewhere.provider.requests[-1]["prompt"] == "login"
    assert elsewhere.provider.requests[-1]["max_age"] == "0"


async def test_an_old_sign_in_renews_nothing(elsewhere, clock):
    await invited(elsewhere)
    signed_in = await elsewhere.sign_in()
    elsewhere.provider.claims = {"auth_time": int(clock.now()) - 3600}

    with pytest.raises(SignInRefused):
        await prove(elsewhere, signed_in, await elsewhere.begin(fresh=True))
    with pytest.raises(SignInRefused):
        await prove(elsewhere, signed_in, await elsewhere.begin())


async def test_somebody_else_renews_nothing(elsewhere):
    await invited(elsewhere)
    signed_in = await elsewhere.sign_in()
    elsewhere.provider.user["sub"] = "u-2"

    with pytest.raises(SignInRefused, match="Somebody else"):
        await prove(elsewhere, signed_in, await elsewhere.begin(fresh=True))


async def test_nothing_shows_the_secrets_of_a_sign_in(elsewhere):
    begun = await elsewhere.begin()

    assert begun.pending.reveal() not in repr(begun)
    assert CLIENT_SECRET not in repr(elsewhere.booth.settings)
