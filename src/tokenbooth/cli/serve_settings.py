"""The settings that `tokenbooth serve` runs with: read at the start, and anew on SIGHUP."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from tokenbooth.server.redis_address import RedisAddress
from tokenbooth.server.settings import PREFIX, Settings, SettingsRefused
from tokenbooth.server.shared.opening import check_driver
from tokenbooth.server.tls_listener import TlsListener
from tokenbooth.server.tracing import check_traces

# What clients, the listening socket and the preparation of the start depend on.
_FIXED = ("database", "demo", "host", "issuer_url", "port")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSettings:
    """Where the settings come from, as the process was started."""

    environment: Mapping[str, str]
    options: Mapping[str, object]

    def read(self) -> Settings:
        """Return what they say now; raises SettingsRefused with all mistakes."""
        settings = Settings.load(self.environment, **self.options)
        if settings.tls_cert:
            TlsListener.of(settings)  # to refuse unusable files before anything is started
        check_traces(settings)
        if self.options.get("redis") and RedisAddress.parse(settings.redis or "").password:
            raise SettingsRefused(
                "--redis: everybody on this machine can read a password there. Set "
                "TOKENBOOTH_REDIS instead, or say with TOKENBOOTH_REDIS_PASSWORD where it is."
            )
        check_driver(settings)
        return settings

    def read_anew(self, running: Settings) -> Settings:
        """Return what they say now, if a running service can take it; raises SettingsRefused."""
        settings = self.read()
        settings.load_dialects()
        fixed = [name for name in _FIXED if getattr(settings, name) != getattr(running, name)]
        if bool(settings.tls_cert) != bool(running.tls_cert):
            fixed.append("tls_cert")
        if fixed:
            names = ", ".join(PREFIX + name.upper() for name in fixed)
            raise SettingsRefused(f"Restart the service to change {names}.")
        return settings


def changed_settings(before: Settings, after: Settings) -> list[str]:
    """Return the names of what differs; the values may be secret."""
    return [
        setting.name
        for setting in fields(Settings)
        if getattr(before, setting.name) != getattr(after, setting.name)
    ]


def hand_to_workers(settings: Settings, base_url: str) -> None:
    """Leave the settings in the environment, where worker processes find them whole."""
    for setting in fields(Settings):
        os.environ.pop(PREFIX + setting.name.upper(), None)
    resolved = {**settings.to_environment(), f"{PREFIX}ISSUER_URL": base_url}
    # Workers that read the file themselves would each see another state of it.
    resolved.pop(f"{PREFIX}SETTINGS_FILE", None)
    os.environ.update(resolved)
