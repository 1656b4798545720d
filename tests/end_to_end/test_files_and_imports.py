"""What files and exports bring is in force in the running service, old secrets included."""

from pathlib import Path

import pytest

from tests.end_to_end.service import Registered, Service, eventually, running

EXPORTS = Path(__file__).parents[1] / "management" / "imports" / "exports"
CHOSEN = "b9f0c7d1e2a34b5c6d7e8f90a1b2c3d4e5f60718"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("filed")) as service:
        yield service


def _status(service: Service, client_id: str, secret: str, *, in_body: bool = False) -> int:
    client = Registered(client_id=client_id, secret=secret)
    service.confidential.add(secret)
    if not in_body:
        return service.token(client).status_code
    form = {"grant_type": "client_credentials", **client.in_body}
    return service.post("/oauth2/token", form).status_code


def _is_served(service: Service, client: Registered) -> None:
    service.confidential.add(client.secret)
    eventually(lambda: service.token(client).status_code == 200)


def test_a_client_of_a_file_gets_a_token_with_the_secret_that_the_file_refers_to(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(CHOSEN + "\n")
    (tmp_path / "booth.toml").write_text(
        "[issuers.default.apis.orders]\n"
        'audience = "https://orders.internal.example.com"\nscopes = ["orders:read"]\n'
        "[issuers.default.clients.filed]\n"
        'access = [{ api = "orders" }]\ncredentials = [{ secret = "file:secret" }]\n'
    )

    service.told("apply", "-f", str(tmp_path / "booth.toml"), "--yes")

    _is_served(service, Registered(client_id="filed", secret=CHOSEN))


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [
        ("nightly", "hydra-secret-of-nightly-0001"),  # PBKDF2
        ("legacy", "hydra-secret-of-legacy-0001"),  # bcrypt
    ],
)
def test_a_client_of_hydra_gets_a_token_with_its_old_secret(
    service: Service, client_id: str, secret: str
) -> None:
    service.told("import", "hydra", str(EXPORTS / "hydra-dump.sql"))

    wrong = secret[:-1] + "2"
    in_body = client_id == "nightly"  # as it was registered
    eventually(lambda: _status(service, client_id, secret, in_body=in_body) == 200)
    assert _status(service, client_id, wrong, in_body=in_body) == 401


def test_an_import_is_known_again_after_its_hashes_were_replaced(service: Service) -> None:
    service.told("import", "hydra", str(EXPORTS / "hydra-dump.sql"))
    legacy = Registered(client_id="legacy", secret="hydra-secret-of-legacy-0001")
    _is_served(service, legacy)

    def is_replaced() -> bool:
        return "legacy" in str(service.told("audit", "list", "--type", "credential_changed"))

    eventually(is_replaced)
    report = service.told("import", "hydra", str(EXPORTS / "hydra-dump.sql"))

    assert (report["created"], report["changed"], report["unchanged"]) == (0, 0, 2)


def test_a_client_of_keycloak_gets_a_token_with_its_old_secret(service: Service) -> None:
    service.told("import", "keycloak", str(EXPORTS / "keycloak-realm.json"))

    _is_served(service, Registered(client_id="billing", secret="YNqtYBjOoGi2MTg5JlbJBPLENLWd12KB"))
