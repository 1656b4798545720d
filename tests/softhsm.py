"""A real PKCS#11 device in software: SoftHSM, with tokens of its own per test run."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PIN = "123456"
SO_PIN = "87654321"
TOKENS = ("booth", "locked")


@dataclass(frozen=True, kw_only=True)
class SoftHsm:
    """Initialised tokens."""

    module: str
    folder: Path

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    @property
    def variables(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}

    @property
    def uri(self) -> str:
        """The device, as `--signer` takes it."""
        return self.uri_of("booth")

    def uri_of(self, token: str, *, pin_source: str | None = None) -> str:
        source = pin_source or f"file:{self.pin_file}"
        return f"pkcs11:token={token}?module-path={self.module}&pin-source={source}"


def make_softhsm(folder: Path) -> SoftHsm:
    """Make the tokens; fails, and says what to install, where there is no SoftHSM."""
    module = next((place for place in PLACES if Path(place).exists()), None)
    assert module is not None, "run: apt-get install softhsm2"
    assert shutil.which("softhsm2-util"), "run: apt-get install softhsm2"
    hsm = SoftHsm(module=module, folder=folder)
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    hsm.pin_file.write_text(f"{PIN}\n")
    for token in TOKENS:
        named = ("--label", token)
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", *named, "--pin", PIN, "--so-pin", SO_PIN],
            env=os.environ | hsm.variables,
            check=True,
            capture_output=True,
        )
    return hsm
