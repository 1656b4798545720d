"""tokenbooth doctor against the real service, from the consumer's side."""

import json
import re
import subprocess
from typing import Any

from tests.end_to_end.service import Registered, Service, eventually, run_program


def examine(
    demo: Service, client: Registered, *more: str, secret: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    done = run_program(
        *("doctor", "--issuer", f"{demo.url}/{client.issuer}", "--client-id", client.client_id),
        *("--secret", "env:MY_SECRET", "--json", *more),
        MY_SECRET=secret,
        NO_PROXY="*",
    )
    assert secret not in done.stdout + done.stderr
    return done, {each["check"]: each for each in json.loads(done.stdout)["checks"]}


def test_finds_a_good_client_well_and_says_which_scope_the_api_wants(
    demo: Service, demo_clients: dict[str, Registered]
) -> None:
    client = demo_clients["self-service"]
    api = f"{demo.url}/demo/self-service"

    well, checks = examine(demo, client, "--api", f"{api}/whoami", secret=client.secret)
    lacking, its_checks = examine(demo, client, "--api", f"{api}/admin", secret=client.secret)

    assert well.returncode == 0, well.stdout
    assert "undamaged" in checks["secret"]["seen"]
    assert "ES256" in checks["keys"]["seen"]
    assert "signature good" in checks["content"]["seen"]
    assert lacking.returncode == 5
    assert "lacks the scope demo:admin" in its_checks["api"]["seen"]


def test_speaks_every_vendors_dialect(demo: Service, demo_clients: dict[str, Registered]) -> None:
    for name in ("trulioo-platform", "truphone"):
        client = demo_clients[name]

        done, checks = examine(demo, client, "--dialect", name, secret=client.secret)

        assert done.returncode == 0, done.stdout
        assert checks["token"]["verdict"] == "ok"


def test_a_refusal_has_the_number_by_which_the_operator_finds_the_reason(
    demo: Service, demo_clients: dict[str, Registered]
) -> None:
    client, other = demo_clients["self-service"], demo_clients["truphone"]

    refused, checks = examine(demo, client, secret=other.secret)

    assert refused.returncode == 4
    number = re.search(r"tokenbooth explain (\w+)", checks["token"]["causes"][-1])
    assert number is not None
    eventually(lambda: demo.command("explain", number[1]).returncode == 0, within=20.0, every=0.5)
