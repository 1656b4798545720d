"""An AI agent with the official MCP SDK, at an MCP server behind our guard, with our tokens."""

import json
import socket
import threading
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mcp.client import Client
from mcp.client.auth.exceptions import OAuthFlowError
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer

from tokenbooth.guard import Guard
from tokenbooth.guard.starlette import GuardMiddleware

SCOPES = "tools:call tools:list"


class Memory:
    """Where the SDK keeps its token: nowhere for long."""

    def __init__(self):
        self.tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return None

    async def set_client_info(self, client_info):
        raise AssertionError("nothing is registered")


@contextmanager
def mcp_server(issuer):
    """Serve one tool behind our guard; yields the server's URL, which is its audience too."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        guard = Guard(
            issuer=issuer, audience=url, publish_metadata=True, scopes_supported="tools:call"
        )
        tools = MCPServer("adding")

        @tools.tool()
        def add(a: int, b: int) -> int:
            """Add two numbers."""
            return a + b

        app = GuardMiddleware(tools.streamable_http_app(), guard, scopes="tools:call")
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            thread.join(0.01)
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join()
            guard.close()


@pytest.fixture(scope="module")
def server(demo):
    with mcp_server(demo.url) as url:
        demo.told("apis", "create", "mcp", "--audience", url, "--scopes", SCOPES)
        # One more API, so that asking for every scope of the issuer would be too much.
        demo.wait_everywhere(
            lambda: "tools:call" in demo.http.get("/.well-known/oauth-authorization-server").text
        )
        yield url


async def added(url, provider):
    """Call the tool as an agent does: refused first, it finds its way to a token by itself."""
    async with (
        httpx2.AsyncClient(auth=provider, timeout=20, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        result = await client.call_tool("add", {"a": 2, "b": 3})
    return result.structured_content["result"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_an_agent_with_a_secret_calls_a_tool(demo, server, method):
    made = demo.told("clients", "create", "--api", "mcp")
    demo.confidential.add(made["client_secret"])
    memory = Memory()
    provider = ClientCredentialsOAuthProvider(
        server,
        memory,
        client_id=made["client_id"],
        client_secret=made["client_secret"],
        token_endpoint_auth_method=method,
        issuer=demo.url,
    )

    assert await added(server, provider) == 5
    assert memory.tokens.scope == "tools:call"


async def test_an_agent_with_a_private_key_calls_a_tool(demo, server, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "key.pem").write_text(pem)
    made = demo.told("clients", "create", "--api", "mcp", "--jwk", str(tmp_path / "key.pem"))
    signing = SignedJWTParameters(
        issuer=made["client_id"],
        subject=made["client_id"],
        signing_key=pem,
        signing_algorithm="ES256",
    )
    provider = PrivateKeyJWTOAuthProvider(
        server,
        Memory(),
        client_id=made["client_id"],
        assertion_provider=signing.create_assertion_provider(),
        issuer=demo.url,
    )

    assert await added(server, provider) == 5


async def test_an_agent_of_another_issuer_keeps_its_secret_to_itself(demo, server):
    made = demo.told("clients", "create", "--api", "mcp")
    provider = ClientCredentialsOAuthProvider(
        server,
        Memory(),
        client_id=made["client_id"],
        client_secret=made["client_secret"],
        issuer="https://auth.example.com",
    )

    with pytest.RaisesGroup(OAuthFlowError, flatten_subgroups=True, allow_unwrapped=True):
        await added(server, provider)


async def test_an_agent_without_access_to_the_server_gets_no_token(demo, server):
    demo.told("apis", "create", "other", "--audience", "https://other.example", "--scopes", "read")
    made = demo.told("clients", "create", "--api", "other")
    provider = ClientCredentialsOAuthProvider(
        server,
        Memory(),
        client_id=made["client_id"],
        client_secret=made["client_secret"],
        issuer=demo.url,
    )

    with pytest.RaisesGroup(
        pytest.RaisesExc(Exception, match="invalid_target"),
        flatten_subgroups=True,
        allow_unwrapped=True,
    ):
        await added(server, provider)


async def test_the_server_says_where_its_metadata_is(demo, server):
    async with httpx2.AsyncClient(trust_env=False) as http:
        refused = await http.post(server, json={})
        place = refused.headers["www-authenticate"].partition('resource_metadata="')[2]
        metadata = (await http.get(place.partition('"')[0])).json()

    assert refused.status_code == 401
    assert (metadata["resource"], metadata["authorization_servers"]) == (server, [demo.url])
    assert json.dumps(metadata["scopes_supported"]) == '["tools:call"]'
