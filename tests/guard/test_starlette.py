import threading
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse

from tests.guard.tiny_issuer import bearer
from tokenbooth.guard.starlette import GuardMiddleware


async def whoami(request):
    caller = getattr(request.state, "caller", None)
    return JSONResponse({"client_id": caller.client_id if caller else None})


async def stream(request):
    return StreamingResponse(iter([b"a", b"b"]))


async def greet(socket):
    await socket.accept()
    await socket.send_text(socket.state.caller.client_id)
    await socket.close()


def application(guard, **options):
    return Starlette(
        routes=[
            Route("/whoami", whoami, methods=["GET", "POST", "OPTIONS"]),
            Route("/stream", stream),
            Route("/healthz", whoami),
            Route("/open/{rest:path}", whoami),
            WebSocketRoute("/socket", greet),
        ],
        middleware=[Middleware(GuardMiddleware, guard=guard, **options)],
    )


@pytest.fixture
def client(guard):
    return TestClient(application(guard, exclude=["/healthz", "/open/*"]))


def test_the_caller_is_in_the_requests_state(issuer, client):
    answer = client.get("/whoami", headers=bearer(issuer.token()))

    assert answer.json() == {"client_id": "shop"}


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/whoami", "/stream", "/nowhere"])
def test_every_method_and_path_needs_a_token(client, method, path):
    answer = client.request(method, path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == b"" if method == "HEAD" else answer.json()["error_description"]


def test_a_bad_token_and_a_lacking_scope_get_the_answer_of_rfc_6750(issuer, guard):
    client = TestClient(application(guard, scopes="orders:admin"))

    bad = client.get("/whoami", headers=bearer("nonsense"))
    poor = client.get("/whoami", headers=bearer(issuer.token()))

    assert (bad.status_code, bad.json()["error"]) == (401, "invalid_token")
    assert (poor.status_code, poor.json()["error"]) == (403, "insufficient_scope")
    assert 'scope="orders:admin"' in poor.headers["WWW-Authenticate"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/whoami", "/stream"])
def test_other_methods_and_streams_get_the_same_refusals(issuer, guard, method, path):
    client = TestClient(application(guard, scopes="orders:admin"))

    bad = client.request(method, path, headers=bearer("nonsense"))
    poor = client.request(method, path, headers=bearer(issuer.token()))
    streamed = client.get("/stream", headers=bearer(issuer.token()))

    assert bad.status_code == 401
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]
    assert (poor.status_code, streamed.status_code) == (403, 403)
    for answer in (poor, streamed):
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
        assert 'scope="orders:admin"' in answer.headers["WWW-Authenticate"]


def test_a_stream_is_whole_with_a_good_token(issuer, client):
    assert client.get("/stream", headers=bearer(issuer.token())).content == b"ab"


@pytest.mark.parametrize("scheme", ["Bearer ", "bEaReR ", "bearer   "])
def test_the_scheme_is_read_in_any_case_and_after_any_spaces(issuer, client, scheme):
    answer = client.get("/whoami", headers={"Authorization": scheme + issuer.token()})

    assert answer.json() == {"client_id": "shop"}


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer a b"])
def test_what_is_not_one_word_after_bearer_is_an_invalid_request(client, value):
    answer = client.get("/whoami", headers={"Authorization": value})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_repeated_header_is_an_invalid_request(issuer, client):
    pair = ("Authorization", f"Bearer {issuer.token()}")

    assert client.get("/whoami", headers=[pair, pair]).status_code == 400


def test_a_token_in_the_query_is_not_taken(issuer, client):
    assert client.get(f"/whoami?access_token={issuer.token()}").status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/open/a", "/open/a/b"])
def test_excluded_paths_are_open(client, path):
    assert client.get(path).json() == {"client_id": None}


@pytest.mark.parametrize("path", ["/healthz/", "/healthz2", "/open", "/open/%2e%2e/whoami"])
def test_nothing_near_an_excluded_path_is_open(client, path):
    assert client.get(path).status_code == 401


def test_a_websocket_opens_with_a_good_token(issuer, client):
    with client.websocket_connect("/socket", headers=bearer(issuer.token())) as socket:
        assert socket.receive_text() == "shop"


def test_a_websocket_without_a_token_is_denied_at_the_handshake(client):
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/socket"):
        pass

    assert denied.value.status_code == 401
    assert denied.value.headers["WWW-Authenticate"] == "Bearer"


def test_a_websocket_gets_the_refusals_of_rfc_6750(issuer, guard):
    client = TestClient(application(guard, scopes="orders:admin"))

    for token, status, code in (
        ("nonsense", 401, "invalid_token"),
        (issuer.token(), 403, "insufficient_scope"),
    ):
        with (
            pytest.raises(WebSocketDenialResponse) as denied,
            client.websocket_connect("/socket", headers=bearer(token)),
        ):
            pass
        assert denied.value.status_code == status
        assert f'error="{code}"' in denied.value.headers["WWW-Authenticate"]


async def test_a_server_without_denial_responses_closes_the_handshake(guard):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "websocket", "path": "/socket", "headers": [], "query_string": b""}
    await application(guard)(scope | {"app": None}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]


def test_start_and_end_of_the_application_pass_through(guard):
    with TestClient(application(guard)) as client:
        assert client.get("/whoami").status_code == 401


def test_excluding_is_by_a_list_of_paths(guard):
    with pytest.raises(TypeError):
        GuardMiddleware(application(guard), guard, exclude="/healthz")


@contextmanager
def served(app):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_a_real_server_answers_the_same(issuer, guard):
    with served(application(guard)) as url, httpx2.Client(base_url=url) as client:
        assert client.get("/whoami", headers=bearer(issuer.token())).status_code == 200
        assert client.get("/whoami").headers["WWW-Authenticate"] == "Bearer"
        assert client.head("/whoami").status_code == 401
        # The connection is still good after a refused HEAD.
        assert client.get("/whoami", headers=bearer("nonsense")).json()["error"] == "invalid_token"
