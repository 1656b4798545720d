"""Several nodes of the real program on one PostgreSQL, behind the nginx that deploy/ ships."""

import contextlib
import signal
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tests.end_to_end.nginx import Nginx, nginx
from tests.end_to_end.service import (
    Registered,
    Service,
    assert_log_is_discreet,
    eventually,
    manage,
    start_service,
)
from tests.postgres import PostgresServer, free_port, installed_versions, postgres_server
from tests.protocol.certificates import make
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.service.apis import create_api
from tokenbooth.server.bootstrap import Booth

T = TypeVar("T")

AUTHORITY = make("CN=authority of the cluster", is_ca=True)
FAIL_TIMEOUT = 2.0  # of nginx, for a node that did not answer
SERVER = make("CN=proxy", issuer=AUTHORITY, addresses=["127.0.0.1"])


@dataclass(kw_only=True)
class Cluster:
    """The nodes, what is in front of them, and ways to ask all of them."""

    folder: Path
    server: PostgresServer
    proxy: Nginx
    variables: dict[str, str]
    nodes: list[Service] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The issuer, as clients reach it: through nginx."""
        return self.proxy.url

    @property
    def tls(self) -> ssl.SSLContext:
        """What trusts nginx."""
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def http(self, **more: Any) -> httpx2.Client:
        """A client of nginx that keeps its connections."""
        return httpx2.Client(
            base_url=self.url, verify=self.tls, trust_env=False, timeout=40, **more
        )

    def manage(self, work: Callable[[Booth], Awaitable[T]]) -> T:
        """Do what the command line does, in this process."""
        variables = {**self.variables, "TOKENBOOTH_MIGRATE": "on"}
        return manage(self.variables["TOKENBOOTH_DATABASE"], work, variables)

    def add_api(self, name: str, scopes: str, issuer: str = "default") -> None:
        """Create an API; when nodes notice is for the test to wait for."""
        self.manage(
            lambda booth: create_api(
                booth, name=name, audience=f"https://{name}.example", scopes=scopes, issuer=issuer
            )
        )

    def register(self, api: str = "persons", issuer: str = "default", **wishes: Any) -> Registered:
        """Create a client, and wait until all nodes serve it if it has a secret."""
        made = self.manage(lambda booth: create_client(booth, apis=[api], issuer=issuer, **wishes))
        client = Registered(
            client_id=made.client.client_id,
            secret=made.secret.client_secret.reveal() if made.secret else "",
            credential_id=made.secret.credential_id if made.secret else "",
            issuer=issuer,
        )
        if client.secret:
            for node in self.nodes:
                node.confidential.add(client.secret)
            unknown = ("invalid_client", "unauthorized_client")
            self.settled(lambda node: node.token(client).json().get("error") not in unknown)
        return client

    def settled(self, ask: Callable[[Service], bool]) -> None:
        """Wait until all nodes say so."""
        eventually(lambda: all(self.everywhere(ask)), within=20)

    def everywhere(self, ask: Callable[[Service], Any]) -> list[Any]:
        """What each node answers; one with several workers is asked often enough to meet all."""
        return [
            ask(node)
            for node in self.nodes
            for _ in range(1 if node.workers == 1 else 8 * node.workers)
        ]

    def start(self, number: int, **variables: str) -> Service:
        """Start the node of that number, again on its own port."""
        known = self.nodes[number]
        return self._start(number, known.workers, known.port, variables)

    def restart(
        self, number: int, *, once: Callable[[], bool] | None = None, **variables: str
    ) -> None:
        """As docs/operations.md says: wait until it serves again, and until proxies know.

        With `once` its drain ends when that is so, however slow this machine is.
        """
        node = self.nodes[number]
        node.process.send_signal(signal.SIGTERM)
        if once is not None:
            eventually(once, within=60)
            node.process.send_signal(signal.SIGTERM)
        node.process.wait(30)
        node.http.close()
        self.nodes[number] = self.start(number, **variables)
        time.sleep(FAIL_TIMEOUT)

    def _start(self, number: int, workers: int, port: int, variables: dict[str, str]) -> Service:
        return start_service(
            self.folder / f"node{number}",
            *("--workers", str(workers), "--database", self.variables["TOKENBOOTH_DATABASE"]),
            port=port,
            variables={**self.variables, **variables},
        )


@contextlib.contextmanager
def cluster(folder: Path, *workers: int, **variables: str) -> Iterator[Cluster]:
    """Run a node for each number of workers, on a PostgreSQL of their own, while inside."""
    (folder / "ca.pem").write_bytes(AUTHORITY.pem)
    SERVER.write(folder, "server")
    front, ports = free_port(), [free_port() for _ in workers]
    upstreams = [f"http://127.0.0.1:{port}" for port in ports]
    with (
        postgres_server(installed_versions()[-1]) as server,
        nginx(folder, front, *upstreams, verify=None) as proxy,
    ):
        server.sql("CREATE DATABASE booth")
        made = Cluster(
            folder=folder,
            server=server,
            proxy=proxy,
            variables={
                "TOKENBOOTH_DATABASE": server.url("booth"),
                "TOKENBOOTH_MASTER_KEY_FILE": str(folder / "master.key"),
                "TOKENBOOTH_ISSUER_URL": proxy.url,
                "TOKENBOOTH_TRUSTED_PROXY": "127.0.0.1/32",
                "TOKENBOOTH_CLIENT_CERTIFICATE_HEADER": "",
                **variables,
            },
        )
        made.add_api("persons", "persons:read")
        with ThreadPoolExecutor(len(workers)) as pool:
            numbers = range(len(workers))
            made.nodes = list(pool.map(made._start, numbers, workers, ports, [{}] * len(workers)))
        try:
            yield made
        finally:
            for node in made.nodes:
                node.process.send_signal(signal.SIGINT)  # without a drain
            for node in made.nodes:
                node.stop()
        for node in made.nodes:
            assert_log_is_discreet(node)
            assert "Traceback" not in node.log
