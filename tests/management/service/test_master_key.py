import stat
from pathlib import Path

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.management.errors import BadInput
from tokenbooth.management.service.keys import rotate_key
from tokenbooth.management.service.master_key import reseal
from tokenbooth.server.bootstrap import Booth, master_key_file, open_booth
from tokenbooth.server.key_keeping import KeyKeeper
from tokenbooth.server.keyring import Keyring
from tokenbooth.server.records import DEFAULT_ISSUER
from tokenbooth.server.settings import Settings
from tokenbooth.server.vault import (
    VaultError,
    make_master_key,
    read_master_keys,
    replace_master_keys,
)


@pytest.fixture
def new_file(tmp_path: Path) -> Path:
    return tmp_path / "new.key"


async def assert_opens(settings: Settings, kid: str) -> None:
    """A service that starts now signs with the same key and knows the same secrets."""
    booth = await open_booth(settings)
    keys = Keyring(booth.vault).as_of(
        booth.clock.now(), DEFAULT_ISSUER, await booth.store.list_keys()
    )
    assert kid in {key.kid for key in keys.published}
    await booth.close()


async def signing_kid(booth: Booth) -> str:
    return next(key.kid for key in await booth.store.list_keys() if key.purpose == "sign")


async def test_everything_opens_with_the_new_master_key_alone(booth: Booth, new_file: Path) -> None:
    kid = await signing_kid(booth)

    done = await reseal(booth, new_file)

    assert (done.keys, done.master_key_file_updated) == (3, True)
    alone = Settings(database=booth.settings.database, master_key_file=str(new_file))
    await assert_opens(alone, kid)
    await assert_opens(booth.settings, kid)


async def test_the_services_key_file_keeps_the_old_key_for_older_copies(
    booth: Booth, new_file: Path
) -> None:
    file = master_key_file(booth.settings)
    (old,) = read_master_keys(file)

    await reseal(booth, new_file)

    assert read_master_keys(file) == (*read_master_keys(new_file), old)
    assert {stat.S_IMODE(each.stat().st_mode) for each in (file, new_file)} == {0o600}


async def test_a_running_service_finds_the_new_key_by_itself(
    booth: Booth, new_file: Path, clock: TravelClock
) -> None:
    running = await open_booth(booth.settings, clock=clock)
    await reseal(booth, new_file)
    made = await rotate_key(running, issuer=DEFAULT_ISSUER)

    alone = Settings(database=booth.settings.database, master_key_file=str(new_file))
    await assert_opens(alone, made.kid)
    await running.close()


async def test_a_service_that_cannot_find_the_new_key_makes_no_keys_under_the_old_one(
    booth: Booth, new_file: Path, clock: TravelClock
) -> None:
    running = await open_booth(booth.settings, clock=clock)
    file = master_key_file(booth.settings)
    old = file.read_text()
    await reseal(booth, new_file)
    file.write_text(old)
    clock.travel(200 * 86_400)

    with pytest.raises(VaultError, match="another master key"):
        await KeyKeeper(store=running.store, vault=running.vault, clock=clock).keep()
    await running.close()


async def test_a_crash_before_the_values_are_sealed_anew_loses_nothing(
    booth: Booth, new_file: Path
) -> None:
    kid, file = await signing_kid(booth), master_key_file(booth.settings)
    make_master_key(new_file)
    replace_master_keys(file, [*read_master_keys(file), *read_master_keys(new_file)])

    await assert_opens(booth.settings, kid)
    assert (await reseal(booth, new_file)).keys == 3
    await assert_opens(booth.settings, kid)


async def test_a_crash_after_the_values_were_sealed_anew_loses_nothing(
    booth: Booth, new_file: Path
) -> None:
    kid, file = await signing_kid(booth), master_key_file(booth.settings)
    await reseal(booth, new_file)
    new, old = read_master_keys(file)
    replace_master_keys(file, [old, new])

    await assert_opens(booth.settings, kid)
    await reseal(booth, new_file)
    assert read_master_keys(file) == (new, old)
    alone = Settings(database=booth.settings.database, master_key_file=str(new_file))
    await assert_opens(alone, kid)


async def test_a_key_file_that_cannot_be_written_is_left_alone(
    booth: Booth, new_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = master_key_file(booth.settings)
    before = file.read_text()

    def refuse(*_: object) -> None:
        raise PermissionError

    make_master_key(new_file)
    monkeypatch.setattr(Path, "replace", refuse)
    done = await reseal(booth, new_file)

    assert not done.master_key_file_updated
    assert file.read_text() == before
    alone = Settings(database=booth.settings.database, master_key_file=str(new_file))
    await assert_opens(alone, await signing_kid(booth))


async def test_the_key_in_use_is_no_new_key(booth: Booth) -> None:
    with pytest.raises(BadInput, match="another file"):
        await reseal(booth, master_key_file(booth.settings))


async def test_a_new_key_file_that_is_no_key_changes_nothing(booth: Booth) -> None:
    new_file = Path(__file__)
    before = await booth.store.list_keys()

    with pytest.raises(VaultError, match="hexadecimal"):
        await reseal(booth, new_file)

    assert await booth.store.list_keys() == before
