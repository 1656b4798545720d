"""The log says who, what and why, and no secret and no token ever."""

import base64
import json

from tests.end_to_end.service import Service, eventually

FORM = "grant_type=client_credentials"


def _events(service: Service) -> list[dict[str, object]]:
    return [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]


def _by_request(service: Service, answer) -> dict[str, object]:
    wanted = answer.headers["x-request-id"]
    return eventually(
        lambda: next((e for e in _events(service) if e.get("request_id") == wanted), None)
    )


def test_a_line_says_who_got_what(demo, demo_clients):
    said = _by_request(demo, demo.token(demo_clients["default"]))
    assert said["event"] == "issued"
    assert said["client_id"] == "demo"
    assert said["issuer"] == "default"
    assert said["status"] == 200
    assert said["scope"] == "demo:read"
    assert said["source"] == "127.0.0.1"
    assert said["token_id"]


def test_a_line_says_why_not_what_the_answer_hides(demo, demo_clients):
    reasons = {}
    for name, basic in (("unknown_client", ("nobody", "x")), ("wrong_secret", ("demo", "x"))):
        answer = demo.post("/oauth2/token", FORM, basic)
        reasons[name] = _by_request(demo, answer)["reason"]
        assert name not in answer.text
    assert reasons == {name: name for name in reasons}


def test_nothing_confidential_is_logged_at_any_level(fresh):
    service = fresh("talkative", "--demo", variables={"TOKENBOOTH_LOG_LEVEL": "debug"})
    client = service.register("demo", issuer="truphone")
    basic = base64.b64encode(":".join(client.basic).encode()).decode()
    service.confidential.add(basic)
    members = service.token(client).json()
    access, refresh = members["access_token"], members["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    token_path = "/truphone/oauth2/token"
    assert service.post(token_path, form, client).status_code == 200
    for token in (access, refresh, access[:-3] + "AAA", refresh + "x"):
        service.introspect(client, token)
        service.revoke(client, token)
    # Mistakes with a real secret or token in every wrong place.
    secret = client.secret
    for body in (
        {"grant_type": secret},
        {"grant_type": "client_credentials", "scope": secret},
        {"grant_type": "client_credentials", "resource": access},
        {"grant_type": "client_credentials", "client_id": client.client_id, secret: "x"},
        {"grant_type": "refresh_token", "refresh_token": access},
    ):
        service.post(token_path, body, client)
    service.post(token_path, f"{FORM}&client_secret={secret}")
    service.post(token_path, f"{FORM}&client_id=nobody&client_secret={secret}")
    service.post(f"{token_path}?client_secret={secret}", FORM)
    service.post(f"/{secret}/oauth2/token?{access}", FORM)
    service.http.get(f"/demo/truphone/whoami?access_token={access}")
    for authorization in (f"Basic {basic}x", f"Bearer {access}", f"Basic  {basic}", secret):
        headers = {"Authorization": authorization}
        service.post(token_path, FORM, headers=headers)
        service.http.get("/demo/truphone/whoami", headers=headers)
        service.http.get("/demo/trulioo-normalized/legacy", headers=headers)
    headers = {"User-Agent": secret, "X-Request-Id": access, "Content-Type": f"x/{secret}"}
    service.post(token_path, FORM, headers=headers)
    service.stop()
    words = {w for w in service.confidential if len(w) >= 8}
    assert {secret, access, refresh, basic} <= words
    assert [word for word in words if word in service.log] == []
    assert len(_events(service)) >= 20


def test_a_secret_sent_as_the_client_id_is_not_logged(fresh):
    service = fresh("swapped", "--demo")
    client = service.register("demo", issuer="default")
    # The two swapped: the commonest mistake of all when filling in a form.
    service.post("/oauth2/token", FORM, (client.secret, client.client_id))
    service.post("/oauth2/token", f"{FORM}&client_id={client.secret}&client_secret=x")
    service.confidential = {client.secret}


def test_logs_for_people_hold_no_secret_either(fresh):
    service = fresh("people", "--demo", "--log-format", "console")
    client = service.register("demo")
    service.token(client)
    service.post("/oauth2/token", FORM, ("demo", client.secret))
    service.stop()
    assert "issued" in service.log
    assert "unknown_client" not in service.log
    assert "wrong_secret" in service.log
