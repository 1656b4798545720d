"""The image, and the composition of two nodes, PostgreSQL and nginx."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.deploy.shipped import COMPOSE, CONTAINERFILE
from tests.end_to_end.nginx import SHIPPED
from tests.end_to_end.service import eventually, running
from tests.redis_servers import RedisServer, valkey
from tokenbooth.cli.main import program
from tokenbooth.cli.uvicorn_drain import FINISH_SECONDS

IMAGE = CONTAINERFILE.read_text("utf-8")
TOP = CONTAINERFILE.parents[2]


def composition():
    return yaml.safe_load(COMPOSE.read_text("utf-8"))


def test_the_image_installs_by_hash_what_the_service_and_its_servers_need():
    lock = (TOP / "requirements" / "run.lock").read_text("utf-8")
    assert "--require-hashes --requirement /build/run.lock" in IMAGE
    for package in ("uvicorn", "asyncpg", "greenlet", "redis", "hatchling"):
        assert re.search(rf"^{package}==[^ ]+ \\\n +--hash=sha256:", lock, re.MULTILINE), package


def test_the_image_copies_what_there_is():
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", IMAGE, re.MULTILINE):
        for name in line.split():
            assert (TOP / name).exists(), name


def test_the_image_runs_the_service_without_rights():
    last = IMAGE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    assert user != "0"
    assert f"useradd --uid {user} " in last
    assert 'ENTRYPOINT ["tokenbooth"]\nCMD ["serve"]' in last
    assert "serve" in program.lazy_commands


def test_the_image_is_healthy_while_the_service_answers(tmp_path):
    (words,) = re.findall(r"HEALTHCHECK .*\\\n +CMD (\[.*\])$", IMAGE, re.MULTILINE)
    _, *arguments = json.loads(words)

    def probe(port):
        given = [word.replace("8080", str(port)) for word in arguments]
        return subprocess.run([sys.executable, *given], check=False, stderr=subprocess.DEVNULL)

    with running(tmp_path) as service:
        assert probe(service.port).returncode == 0
        port = service.port
    assert probe(port).returncode != 0


def test_the_composition_starts_in_order_and_ends_gracefully():
    services = composition()["services"]
    for node in ("booth-1", "booth-2"):
        assert services[node]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"}
        }
        assert int(services[node]["stop_grace_period"].rstrip("s")) > FINISH_SECONDS
        assert services[node]["read_only"]
    (command,) = services["migrate"]["command"]
    assert command in program.lazy_commands
    assert services["migrate"]["depends_on"]["db"] == {"condition": "service_healthy"}


def test_the_composition_trusts_the_network_that_nginx_is_in():
    composed = composition()
    (network,) = composed["networks"]["default"]["ipam"]["config"]
    assert composed["x-booth"]["environment"]["TOKENBOOTH_TRUSTED_PROXY"] == network["subnet"]
    assert all("ports" not in composed["services"][node] for node in ("booth-1", "booth-2"))


def test_the_composition_uses_the_configuration_of_nginx_that_these_tests_use():
    nginx = composition()["services"]["nginx"]
    mounted = [each.partition(":")[0] for each in nginx["volumes"]]
    assert (COMPOSE.parent / mounted[0]).resolve() == SHIPPED
    (found,) = re.findall(r"s/([0-9.:]+)/booth:8080/", nginx["command"][2])
    assert SHIPPED.read_text("utf-8").count(found) == 1


def test_the_cache_of_the_composition_has_the_password_that_the_nodes_use(tmp_path):
    composed = composition()
    cache, settings = composed["services"]["cache"], composed["x-booth"]["environment"]
    assert settings["TOKENBOOTH_REDIS"] == "redis://cache:6379"
    assert settings["TOKENBOOTH_REDIS_PASSWORD"] == "env:VALKEY_PASSWORD"
    assert settings["VALKEY_PASSWORD"] == cache["environment"]["VALKEY_PASSWORD"]

    # As Docker runs it, with a port and a socket of the test's own.
    server = RedisServer(program=valkey(), folder=tmp_path)
    own = f" --port {server.port} --bind 127.0.0.1 --unixsocket {server.socket}"
    words = [word.replace("$$", "$") for word in cache["command"]]
    path = f"{valkey().parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "VALKEY_PASSWORD": "of-the-file"}
    with subprocess.Popen(
        [*words[:2], words[2] + own], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL
    ) as process:
        try:
            eventually(server.socket.exists)
            assert server.ask("PING").startswith(b"-NOAUTH")
            assert server.ask("AUTH", "of-the-file") == b"+OK\r\n"
        finally:
            process.kill()


def test_secrets_are_files_that_git_ignores():
    ignored = (TOP / ".gitignore").read_text("utf-8").splitlines()
    for name in ("master.key", ".env", "tls/"):
        assert str(Path("/deploy/container") / name).rstrip("/") in [
            each.rstrip("/") for each in ignored
        ]
