"""From a refused request to its reason, with the real program and a stranger's eyes."""

from tests.end_to_end.service import Service, eventually


def test_the_operator_finds_the_reason_that_the_answer_hides(demo: Service) -> None:
    client = demo.register("demo")
    answer = demo.post(
        "/oauth2/token", "grant_type=client_credentials", (client.client_id, "wrong")
    )
    request_id = answer.headers["x-request-id"]
    assert "wrong_secret" not in answer.text

    def explained():
        done = demo.command("explain", request_id)
        return done.stdout if done.returncode == 0 else None

    told = eventually(explained, within=20.0, every=0.5)
    assert "the secret is not one of its secrets" in told
    assert f"tokenbooth credentials rotate {client.client_id}" in told


def test_the_trail_of_a_service_at_work_is_whole_and_its_head_is_in_the_log(demo: Service) -> None:
    demo.access_token(demo.register("demo"))
    eventually(lambda: demo.told("usage")["issued"], within=20.0, every=0.5)

    assert demo.told("audit", "verify")["is_whole"]
    eventually(lambda: "audit_head" in demo.log, within=20.0)
