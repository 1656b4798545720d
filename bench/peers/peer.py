"""What the benchmark knows of a peer."""

import contextlib
import json
import subprocess
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Target, ask, post, to
from bench.processes import Server

CLIENT_ID = "bench-client"
CLIENT_SECRET = "bench-secret-of-forty-characters-0123456"
SCOPE = "persons:read"
HERE = Path(__file__).parent
PYTHON = HERE / ".venv" / "bin"
GRANT = f"grant_type=client_credentials&scope={SCOPE.replace(':', '%3A')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One kind of token that a running peer hands out."""

    name: str
    kind: str  # ES256 or opaque
    target: Target


Start = Callable[[Path], AbstractContextManager[list[Offer]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer: how it is called, how it is set up, and how to start it.

    `start` raises RuntimeError or OSError where the peer cannot be had.
    """

    name: str
    package: str  # npm:, pypi: or debian: and its name there
    setup: str
    start: Start
    slow: bool = False  # a few answers a second: more connections would only queue


def basic() -> str:
    """Return the client's Authorization header."""
    return "Authorization: Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


def in_body() -> str:
    """Return the client's credentials as parameters."""
    return f"&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"


def offer(
    name: str, server: Server, path: str, form: str, *headers: str, helpers: tuple[Server, ...] = ()
) -> Offer:
    """Ask for one token, see of which kind it is, and offer more of them."""
    request = post(path, form, *headers, port=server.port)
    token = json.loads(ask(server.port, request))["access_token"]
    kind = "ES256" if token.count(".") == 2 else "opaque"
    return Offer(name=name, kind=kind, target=to(server, request, *helpers))


def version(package: str) -> str:
    """Return which version of a package is installed; raises RuntimeError without one."""
    registry, _, name = package.partition(":")
    if registry == "npm":
        about = HERE / "node_modules" / name / "package.json"
        if about.exists():
            return str(json.loads(about.read_bytes())["version"])
    elif registry == "debian":
        command = ["dpkg-query", "--show", "--showformat=${Version}", name]
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    else:
        folder = f"lib/python*/site-packages/{name.replace('-', '_')}-*.dist-info"
        for found in (HERE / ".venv").glob(folder):
            return found.name.removesuffix(".dist-info").rpartition("-")[2]
    raise RuntimeError(f"{name} is not installed")
