from pathlib import Path

import pytest

from tokenbooth.management.addresses import service_url
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"host": "::1", "port": 9000}, "http://[::1]:9000"),
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8080"),
        ({"host": "::"}, "http://[::1]:8080"),
        ({"tls_cert": "c.pem", "tls_key": "k.pem"}, "https://127.0.0.1:8080"),
        ({"issuer_url": "https://auth.example.com"}, "https://auth.example.com"),
    ],
)
async def test_the_services_address_is_what_the_settings_say(
    tmp_path: Path, settings: dict[str, object], url: str
) -> None:
    database = f"sqlite:///{tmp_path}/booth.db"
    booth = await open_booth(Settings.load({}, database=database, **settings))
    await booth.close()

    assert service_url(booth) == url
