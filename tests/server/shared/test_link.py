"""The ways to Valkey and Redis: passwords, sockets, TLS, and servers that cannot be used."""

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest
import trustme

from tests.postgres import free_port
from tests.redis_servers import redis, redis_server, valkey
from tests.server.booths import running
from tests.server.shared.conftest import eventually
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.server.checks.everything import check_everything
from tokenbooth.server.shared.link import Away

PASSWORD = "s3cret-p%40ss"


def is_up(town):
    return town.service.shared.is_up


async def cause(town):
    await eventually(lambda: town.service.shared.link.away_because not in ("", "connecting"))
    return town.service.shared.link.away_because


async def found(environment, database):
    """What `tokenbooth check` says of Redis."""
    variables = {"TOKENBOOTH_DATABASE": f"sqlite:///{database}", **environment}
    findings = await check_everything(variables)
    return [(each.level, each.about) for each in findings if "redis" in each.about]


@pytest.fixture(scope="module")
def locked():
    """A server with a password."""
    with redis_server(valkey(), "--requirepass", "s3cret-p@ss") as started:
        yield started


async def test_a_password_in_the_address(node, locked, log):
    url = f"redis://:{PASSWORD}@127.0.0.1:{locked.port}"
    async with node(url) as one:
        assert is_up(one)
    assert "s3cret" not in log()


async def test_a_password_in_a_file_is_read_anew_each_time(node, locked, log, tmp_path):
    place = tmp_path / "password"
    place.write_text("not yet\n")
    async with node(locked.url, redis_password=f"file:{place}") as one:
        assert await cause(one) == "password_refused"
        place.write_text("s3cret-p@ss\n")
        await eventually(lambda: is_up(one))
    assert "s3cret" not in log()
    assert log().count("redis_away") == 1


async def test_a_password_file_that_is_missing_is_told(node, locked, tmp_path):
    async with node(locked.url, redis_password=f"file:{tmp_path}/none") as one:
        assert await cause(one) == "password_unreadable"


async def test_no_password_where_one_is_asked_for(node, locked):
    async with node(locked.url) as one:
        assert await cause(one) in ("password_refused", "command_refused")


async def test_through_a_unix_socket(node, server):
    async with node(f"unix://{server.socket}?db=3") as one:
        assert is_up(one)
        one.service.failures.note("default", "ada", "192.0.2.7")
        await eventually(lambda: b"keys=" in server.ask("INFO", "keyspace"))
        assert b"db3:" in server.ask("INFO", "keyspace")


async def test_over_tls_with_an_authority_of_ones_own(node, tmp_path):
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(files["ca"])
    issued.cert_chain_pems[0].write_to_path(files["cert"])
    issued.private_key_pem.write_to_path(files["key"])
    options = ("--tls-cert-file", str(files["cert"]), "--tls-key-file", str(files["key"]),
               "--tls-ca-cert-file", str(files["ca"]), "--tls-auth-clients", "no")  # fmt: skip
    with redis_server(redis(), *options) as server:
        server.ask("CONFIG", "SET", "port", "0")
        server.ask("CONFIG", "SET", "tls-port", str(server.port))
        url = f"rediss://127.0.0.1:{server.port}"
        async with node(f"{url}?ssl_ca_certs={files['ca']}") as one:
            assert is_up(one)
        async with node(url) as one:
            assert await cause(one) == "certificate_refused"


async def test_a_user_with_no_more_rights_than_the_page_says(node, server):
    rights = (
        "~tokenbooth:* -@all +info +eval +set +xadd +expire +hget +hset +hincrby "
        "+xread +xrevrange +time +ping +select +client|setinfo"
    )
    server.ask("ACL", "SETUSER", "booth", "on", ">words", *rights.split())
    async with node(f"redis://booth:words@127.0.0.1:{server.port}/0") as one:
        assert is_up(one)
        one.service.failures.note("default", "ada", "192.0.2.7")
        await one.service.shared.pool.take("x", free=3, first=1, seconds=60)
        await one.service.shared.pool.put("x", tokens=3, next_=2, seconds=60)
        await asyncio.sleep(0.6)  # it listens and tells
        assert is_up(one)
        assert one.service.shared.losses == 0


async def test_servers_that_cannot_be_used_are_away(node, server):
    server.ask("ACL", "SETUSER", "reader", "on", ">words", "~*", "+@read", "+info")
    async with node(f"redis://reader:words@127.0.0.1:{server.port}") as one:
        assert await cause(one) == "not_permitted"
    bus = ("--cluster-port", str(free_port()))
    with redis_server(valkey(), "--cluster-enabled", "yes", *bus) as cluster:
        async with node(cluster.url) as one:
            assert await cause(one) == "cluster"
    server.ask("REPLICAOF", "127.0.0.1", "9")
    async with node(server.url) as one:
        assert await cause(one) == "read_only"
        assert (await one.http.get("/readyz")).status_code == 200


async def test_something_else_that_answers_there_is_away(node):
    async def talk(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3)
        writer.close()

    other = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with other, node(f"redis://127.0.0.1:{other.sockets[0].getsockname()[1]}") as one:
        assert await cause(one) in ("unreachable", "no_answer", "command_refused")


async def test_a_cancelled_question_leaves_its_answer_to_nobody_else(two):
    one, _ = two
    link = one.service.shared.link
    asking = [asyncio.create_task(link.ask("EVAL", "return ARGV[1]", 0, str(n))) for n in range(9)]
    await asyncio.sleep(0)
    asking[0].cancel()
    asking[4].cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    for number in (1, 2, 3, 5, 6, 7, 8):
        assert answers[number] == b"%d" % number
    assert link.losses == 0


async def test_a_server_that_closes_idle_connections_is_not_lost(node, server, monkeypatch):
    monkeypatch.setattr("tokenbooth.server.shared.link._IDLE_SECONDS", 0.2)
    server.ask("CONFIG", "SET", "timeout", "1")
    async with node(server.url) as one:
        await asyncio.sleep(3.0)
        assert one.service.shared.losses == 0


async def test_a_refused_command_is_away_and_then_back(two):
    one, _ = two
    link = one.service.shared.link
    with pytest.raises(Away):
        await link.ask("EVAL", "return redis.error_reply('ERR none of that')", 0)
    await eventually(lambda: link.is_up)
    assert await link.ask("EVAL", "return 7", 0) == 7


async def test_a_service_without_redis_imports_no_driver(settings):
    async with running(replace(settings, redis=""), SYSTEM_CLOCK) as one:
        assert one.service.shared is None
        assert "degraded" not in (await one.http.get("/readyz")).json()
        assert "tokenbooth_redis_up{" not in (await one.http.get("/metrics")).text


async def test_check_finds_a_server_without_password(server, database):
    url = {"TOKENBOOTH_REDIS": server.url}

    assert await found(url, database) == [("advice", "redis_without_password")]
    assert await found({}, database) == []
    assert await found({"TOKENBOOTH_REDIS": f"unix://{server.socket}"}, database) == []


async def test_check_finds_a_server_that_throws_out(locked, database):
    url = {"TOKENBOOTH_REDIS": f"redis://:{PASSWORD}@127.0.0.1:{locked.port}"}
    assert await found(url, database) == []
    with redis_server(valkey(), "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru") as full:
        url = {"TOKENBOOTH_REDIS": f"unix://{full.socket}"}
        assert await found(url, database) == [("advice", "redis_evicts")]


async def test_check_finds_a_weak_way_and_a_server_that_is_away(database):
    url = {"TOKENBOOTH_REDIS": "redis://tokenbooth.invalid:9"}

    assert await found(url, database) == [
        ("warning", "redis_not_encrypted"),
        ("warning", "redis_without_password"),
        ("warning", "redis_away"),
    ]


async def test_check_finds_a_password_for_nothing(database):
    variables = {
        "TOKENBOOTH_DATABASE": f"sqlite:///{database}",
        "TOKENBOOTH_REDIS_PASSWORD": "env:HOME",
    }
    findings = await check_everything(variables)

    assert any("TOKENBOOTH_REDIS_PASSWORD" in each.seen for each in findings)


def test_a_driver_that_is_missing_is_told_before_anything_starts(tmp_path):
    code = "import sys; sys.modules['redis'] = None; from tokenbooth.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "--redis", "redis://127.0.0.1:9"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 2
    assert "pip install 'tokenbooth[server,redis]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


async def test_check_finds_a_password_that_others_can_read(locked, database, tmp_path):
    place = tmp_path / "password"
    place.write_text("s3cret-p@ss")
    place.chmod(0o644)
    variables = {"TOKENBOOTH_REDIS": locked.url, "TOKENBOOTH_REDIS_PASSWORD": f"file:{place}"}
    assert ("error", "redis_password_readable") in await found(variables, database)

    place.chmod(0o600)
    assert await found(variables, database) == []


async def test_check_finds_an_address_with_a_password_in_a_file_for_all(locked, database, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(f'redis = "redis://:{PASSWORD}@127.0.0.1:{locked.port}"\n')
    file.chmod(0o644)
    findings = await check_everything(
        {"TOKENBOOTH_DATABASE": f"sqlite:///{database}", "TOKENBOOTH_SETTINGS_FILE": str(file)}
    )

    told = next(each for each in findings if each.about == "settings_file_readable")
    assert "password of Redis" in told.seen
    assert "s3cret" not in repr(findings)
