"""Replace the master key: every sealed value sealed anew in one step, at any moment readable."""

from dataclasses import dataclass
from pathlib import Path

from tokenbooth.management.errors import BadInput, Failed
from tokenbooth.management.rights import require
from tokenbooth.server.bootstrap import Booth, master_key_file
from tokenbooth.server.keyring import reseal_key
from tokenbooth.server.vault import Vault, make_master_key, read_master_keys, replace_master_keys

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What has been done, and whether the service finds the new master key by itself."""

    keys: int
    master_key_file: str  # where the service looks for it
    master_key_file_updated: bool


async def reseal(booth: Booth, new_file: Path) -> Resealed:
    """Seal everything under the key in `new_file`, which is made when it is missing.

    The service's own key file holds both keys before the first value changes, and both, the new
    one first, afterwards: whatever is interrupted, everything opens. Where that file cannot be
    written, the service has to be started with `new_file`.
    """
    require(booth, "keys:write", whole=True)
    service_file, new_key, old_keys = _read(master_key_file(booth.settings), new_file)
    is_writable = _replace(service_file, [*old_keys, new_key])
    count = await _reseal_all(booth, Vault(new_key))
    if is_writable:
        is_writable = _replace(service_file, [new_key, *old_keys])
    return Resealed(
        keys=count, master_key_file=str(service_file), master_key_file_updated=is_writable
    )


def _read(service_file: Path, new_file: Path) -> tuple[Path, bytes, list[bytes]]:
    service_file = service_file.resolve()  # the file itself, where a link leads to it
    if new_file.resolve() == service_file:
        raise BadInput("Name another file: this one holds the master key in use.")
    make_master_key(new_file)
    new_key = read_master_keys(new_file)[0]
    return service_file, new_key, [key for key in read_master_keys(service_file) if key != new_key]


async def _reseal_all(booth: Booth, new: Vault) -> int:
    for _ in range(_ATTEMPTS):
        seen = await booth.store.list_keys()
        # What is under the new key already, after an attempt that was interrupted, opens with it.
        then = [
            reseal_key(key, new if new.seals_like(key.sealed) else booth.vault, new) for key in seen
        ]
        changed = booth.event("master_key_changed", keys=len(then))
        if await booth.store.exchange_keys(seen, then, audit=[changed]):
            return len(then)
    raise Failed("The keys are being changed by others; try again.")


def _replace(file: Path, keys: list[bytes]) -> bool:
    try:
        replace_master_keys(file, keys)
    except OSError:
        return False
    return True
