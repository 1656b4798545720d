"""Keys in a real PKCS#11 device, SoftHSM: made there, used there, never seen here."""

import asyncio
import threading
from dataclasses import replace

import anyio.lowlevel
import pkcs11
import pytest

from tests.softhsm import PIN, make_softhsm
from tokenbooth.management.service.keys import SHORTEST_LEAD, list_keys, remove_key, rotate_key
from tokenbooth.protocol.jwt import read_jwt, verify_jwt
from tokenbooth.server.key_material import to_material, to_signer
from tokenbooth.server.keyring import Keyring
from tokenbooth.server.pkcs11 import DeviceRefused, Pkcs11Signer, device_at, key_in_device
from tokenbooth.server.pkcs11_uri import Pkcs11Uri
from tokenbooth.server.signing import SignerUnavailable, sign_jwt

ALGORITHMS = ["ES256", "EdDSA", "PS256", "RS256"]


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory):
    hsm = make_softhsm(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in hsm.variables.items():
            environment.setenv(name, value)  # read once, when the driver is loaded
        yield hsm


@pytest.fixture
def device(softhsm):
    return Pkcs11Uri.parse(softhsm.uri)


async def restart(softhsm):
    """Start the device anew, which ends all sessions without a word."""
    place = device_at(Pkcs11Uri.parse(softhsm.uri))
    await asyncio.wrap_future(place.submit(pkcs11.lib(softhsm.module).finalize))


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_key_in_the_device_signs_tokens_that_verify(device, alg):
    signer = await key_in_device(device, alg, label="tokenbooth test")

    token = read_jwt(await sign_jwt({"sub": "ada"}, signer, typ="at+jwt"))

    assert (token.alg, token.kid) == (alg, signer.public.thumbprint)
    assert verify_jwt(token, signer.public) == {"sub": "ada"}


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
async def test_a_key_that_is_there_already_is_taken_by_its_name(device, alg):
    made = await key_in_device(device, alg, label=f"mine {alg}")
    named = replace(device, label=f"mine {alg}")

    assert (await key_in_device(named, alg, label="unused")).public == made.public


async def test_a_key_for_another_algorithm_is_refused(device):
    await key_in_device(device, "ES256", label="curve")
    with pytest.raises(DeviceRefused, match="EC"):
        await key_in_device(replace(device, label="curve"), "RS256", label="unused")
    with pytest.raises(DeviceRefused, match="ES256"):
        await key_in_device(device, "ES512", label="unused")


async def test_what_is_stored_is_where_the_key_is_and_no_key(device):
    signer = await key_in_device(device, "ES256", label="stored")

    material = to_material(signer)

    assert to_signer(material, "ES256") == signer
    assert b"pin-source=file:" in material
    assert b"123456" not in material


async def test_many_signatures_at_a_time_are_all_good(device):
    signer = await key_in_device(device, "ES256", label="busy")
    data = [f"{number}".encode() for number in range(200)]

    signatures = await asyncio.gather(*(signer.sign(each) for each in data))

    assert all(signer.public.verify(*pair) for pair in zip(data, signatures, strict=True))


async def test_the_event_loop_goes_on_while_the_device_works(device):
    signer = await key_in_device(device, "ES256", label="slow")
    is_released = threading.Event()
    busy = device_at(device).submit(is_released.wait)

    signing = asyncio.create_task(signer.sign(b"data"))
    for _ in range(100):
        await anyio.lowlevel.checkpoint()
    assert not signing.done()

    is_released.set()
    assert signer.public.verify(b"data", await signing)
    assert busy.result() is True


async def test_a_device_that_does_not_answer_is_waited_for_no_longer_than_said(device, monkeypatch):
    signer = await key_in_device(device, "ES256", label="silent")
    monkeypatch.setattr("tokenbooth.server.pkcs11.SIGN_SECONDS", 0.05)
    is_released = threading.Event()
    busy = device_at(device).submit(is_released.wait)

    with pytest.raises(SignerUnavailable):
        await signer.sign(b"data")

    is_released.set()
    assert busy.result() is True


async def test_more_than_the_device_can_take_is_refused_at_once(device, monkeypatch):
    # Those that wait are answered, however slow this machine is.
    monkeypatch.setattr("tokenbooth.server.pkcs11.SIGN_SECONDS", 60.0)
    signer = await key_in_device(device, "RS256", label="flooded")

    answers = await asyncio.gather(
        *(signer.sign(b"data") for _ in range(2000)), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, SignerUnavailable)]
    assert refused
    assert len(answers) - len(refused) >= 200
    assert refused[0].status == 503


async def test_a_device_that_was_restarted_is_opened_again(device, softhsm):
    signer = await key_in_device(device, "ES256", label="restarted")

    await restart(softhsm)

    assert signer.public.verify(b"data", await signer.sign(b"data"))


@pytest.mark.parametrize(
    ("token", "word"),
    [("nobody", "NoSuchToken"), ("booth;object=nothing", "NoSuchKey")],
)
async def test_a_device_or_key_that_is_not_there_is_said_to_be_missing(softhsm, token, word):
    with pytest.raises(DeviceRefused, match=word):
        await key_in_device(Pkcs11Uri.parse(softhsm.uri_of(token)), "ES256", label="x")


async def test_a_driver_that_is_not_there_is_said_to_be_missing(device):
    with pytest.raises(DeviceRefused, match="/nowhere"):
        await key_in_device(replace(device, module_path="/nowhere.so"), "ES256", label="x")


async def test_a_pin_that_was_refused_is_not_tried_again_lest_the_device_locks(
    softhsm, monkeypatch
):
    uri = Pkcs11Uri.parse(softhsm.uri_of("locked", pin_source="env:BOOTH_PIN"))

    with pytest.raises(DeviceRefused, match="BOOTH_PIN"):
        await key_in_device(uri, "ES256", label="x")
    monkeypatch.setenv("BOOTH_PIN", "999999")
    with pytest.raises(DeviceRefused, match=r"refused the PIN\."):
        await key_in_device(uri, "ES256", label="x")
    with pytest.raises(DeviceRefused, match="not tried again"):
        await key_in_device(uri, "ES256", label="x")
    monkeypatch.setenv("BOOTH_PIN", PIN)
    assert await key_in_device(uri, "ES256", label="x")


async def test_an_issuer_signs_in_a_device_and_comes_back(town, softhsm, clock):
    secret = await town.add_client()
    before = (await town.token(secret)).json()["access_token"]
    booth = town.booth

    made = await rotate_key(booth, issuer="default", signer=softhsm.uri, lead=0)
    clock.travel(SHORTEST_LEAD)
    await town.registry.refresh()
    signed = await town.token(secret)

    assert signed.status_code == 200
    token = read_jwt(signed.json()["access_token"])
    assert token.kid == made.kid
    assert isinstance(town.issuer().keys.signing, Pkcs11Signer)
    for each in (before, signed.json()["access_token"]):
        assert (await town.introspect(secret, each)).json()["active"] is True
    assert (await town.http.get("/readyz")).status_code == 200

    following = await rotate_key(booth, issuer="default", lead=0)
    assert following.signer.startswith("pkcs11:token=booth;")
    assert following.signer != made.signer
    back = await rotate_key(booth, issuer="default", signer="database", lead=0)
    assert back.signer == "database"


async def test_without_its_device_the_service_is_not_ready_but_publishes_and_verifies(
    town, softhsm, clock
):
    secret = await town.add_client()
    made = await rotate_key(town.booth, issuer="default", signer=softhsm.uri, lead=0)
    clock.travel(SHORTEST_LEAD)
    await town.registry.refresh()
    good = (await town.token(secret)).json()["access_token"]
    tokens = softhsm.folder / "tokens"
    tokens.rename(softhsm.folder / "away")
    await restart(softhsm)

    answer = await town.token(secret)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    ready = await town.http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["missing"] == ["the signing key of issuer default does not answer"]
    jwks = await town.http.get("/.well-known/jwks.json")
    assert made.kid in {key["kid"] for key in jwks.json()["keys"]}
    assert (await town.introspect(secret, good)).json()["active"] is True

    (softhsm.folder / "away").rename(tokens)
    assert (await town.token(secret)).status_code == 200
    assert (await town.http.get("/readyz")).status_code == 200


async def test_a_key_in_a_device_is_listed_by_its_place_and_pulled_like_any(town, softhsm, clock):
    made = await rotate_key(town.booth, issuer="default", signer=softhsm.uri, lead=0)
    clock.travel(SHORTEST_LEAD)

    listed = {key.kid: key.signer for key in await list_keys(town.booth)}
    assert listed[made.kid].startswith("pkcs11:token=booth;object=tokenbooth%20default")

    await remove_key(town.booth, made.kid, force=True)
    keys = Keyring(town.booth.vault).as_of(clock.now(), "default", await town.store.list_keys())
    assert isinstance(keys.signing, Pkcs11Signer)
    assert made.kid not in {key.kid for key in keys.published}
