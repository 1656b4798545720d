import subprocess
import sys
from typing import Annotated

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.testclient import WebSocketDenialResponse

from tests.guard.tiny_issuer import bearer
from tokenbooth.guard import Caller
from tokenbooth.guard.fastapi import install


@pytest.fixture
def app(guard):
    app = FastAPI()

    @app.get("/persons/{id}")
    async def person(id: str, caller: Annotated[Caller, guard.require("orders:read")]):
        return {"id": id, "client_id": caller.client_id}

    @app.get("/admin")
    def admin(caller: Caller = guard.require("orders:read", "orders:admin")):  # noqa: B008
        return {}

    @app.get("/any")
    def any_caller(caller: Annotated[Caller, guard.require()]):
        return caller.client_id

    @app.get("/by-hand")
    async def by_hand():
        return (await guard.verify({})).client_id

    @app.websocket("/socket")
    async def socket(socket: WebSocket, caller: Annotated[Caller, guard.require()]):
        await socket.accept()
        await socket.send_text(caller.client_id)
        await socket.close()

    return app


@pytest.fixture
def client(app):
    return TestClient(app)


def test_the_dependency_yields_the_caller(issuer, client):
    answer = client.get("/persons/7", headers=bearer(issuer.token()))

    assert answer.json() == {"id": "7", "client_id": "shop"}
    assert client.get("/any", headers=bearer(issuer.token())).json() == "shop"


def test_refusals_come_out_by_rfc_6750_without_any_set_up(issuer, client):
    without = client.get("/persons/7")
    bad = client.get("/persons/7", headers=bearer("nonsense"))
    poor = client.get("/admin", headers=bearer(issuer.token()))

    assert without.status_code == 401
    assert without.headers["WWW-Authenticate"] == "Bearer"
    assert (bad.status_code, bad.json()["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]
    assert (poor.status_code, poor.json()["error"]) == (403, "insufficient_scope")
    assert 'scope="orders:read orders:admin"' in poor.headers["WWW-Authenticate"]
    assert set(poor.json()) == {"error", "error_description"}


def test_a_silent_issuer_gives_503(issuer, client):
    issuer.fall_silent()

    answer = client.get("/any", headers=bearer(issuer.token()))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_a_mounted_application_answers_the_same(app):
    outer = FastAPI()
    outer.mount("/inner", app)

    answer = TestClient(outer).get("/inner/any", headers=bearer("nonsense"))

    assert answer.json()["error"] == "invalid_token"


def test_an_application_keeps_its_own_words(app):
    @app.exception_handler(HTTPException)
    async def own_words(request, error):
        return PlainTextResponse(f"no: {error.detail}", error.status_code, error.headers)

    answer = TestClient(app).get("/any", headers=bearer("nonsense"))

    assert (answer.status_code, answer.text) == (401, "no: The token is no JWT.")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_installed_it_answers_also_what_verify_refuses(app):
    install(app)

    @app.exception_handler(HTTPException)
    async def own_words(request, error):
        return PlainTextResponse("mine", error.status_code)

    client = TestClient(app)

    assert client.get("/by-hand").status_code == 401
    assert client.get("/by-hand").headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/any", headers=bearer("nonsense")).json()["error"] == "invalid_token"
    assert client.get("/nowhere").text == "mine"


def test_openapi_shows_the_security_scheme_and_scopes(client):
    document = client.get("/openapi.json").json()

    scheme = document["components"]["securitySchemes"]["AccessToken"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert document["paths"]["/admin"]["get"]["security"] == [
        {"AccessToken": ["orders:read", "orders:admin"]}
    ]
    assert "parameters" not in document["paths"]["/admin"]["get"]


def test_a_websocket_is_guarded_too(issuer, client):
    with client.websocket_connect("/socket", headers=bearer(issuer.token())) as socket:
        assert socket.receive_text() == "shop"
    with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/socket"):
        pass
    assert denied.value.status_code == 401


def test_a_token_in_the_query_is_not_taken(issuer, client):
    assert client.get(f"/any?access_token={issuer.token()}").status_code == 401


def test_without_fastapi_the_error_names_the_extra():
    program = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from tokenbooth.guard import Guard\n"
        "Guard('https://a.example', 'b').require('c')\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert "pip install 'tokenbooth[fastapi]'" in run.stderr


def test_the_guard_alone_imports_no_framework():
    program = (
        "import sys, tokenbooth.guard, tokenbooth.guard.starlette\n"
        "print(sorted({'fastapi', 'starlette', 'httpx2'} & set(sys.modules)))\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert run.stdout.strip() == "[]"
