"""Every block of commands in docs/operations.md works, and does to a running service what it says.

The tests follow the page: each finds the service as the sections before it left it.
"""

import re

import pytest

from tests.end_to_end.runbooks import run_book, runbooks
from tests.end_to_end.service import Registered, eventually, running, start_service
from tests.end_to_end.warm_program import warm_program
from tests.management.people.people import add, first_operator

BOOKS = runbooks()


class Site:
    """A service as the page supposes it: a client, an operator, and safe places for keys."""

    def __init__(self, folder, program):
        self.folder, self.program = folder, program
        self.safe = folder / "safe"
        self.safe.mkdir()
        self.settings = folder / "settings.toml"
        self.settings.write_text("log_format = 'json'\n")
        self.service = start_service(folder, "--settings-file", str(self.settings))
        self.service.add_api("persons", "read")
        self.billing = self.service.register("persons", client_id="billing")
        self.ran = set()

    @property
    def variables(self):
        return {
            "TOKENBOOTH_DATABASE": self.service.database,
            "TOKENBOOTH_MASTER_KEY_FILE": f"{self.folder}/booth.db.key",
            "SAFE": str(self.safe),
            "BACKUP": "booth.gz",
            "NEW_KEY": f"{self.folder}/new.key",
        }

    def follow(self, heading, instead=None, **variables):
        """Do what a section says."""
        self.ran.add(heading)
        given = self.variables | variables
        return run_book(BOOKS[heading], self.folder, self.program, instead or {}, **given)

    def is_refused(self, client):
        return self.service.token(client).status_code == 401


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with warm_program(folder / "bin") as program:
        made = Site(folder, program)
        yield made
        made.service.stop()


def test_start(site):
    _, systemd = BOOKS["Start"].script.split("\n", 1)
    said = site.follow("Start", {systemd: ""})  # which runs the same check where systemd is
    assert "There are no errors." in said


def test_upgrade(site):
    site.follow("Upgrade")
    assert (site.folder / "before-the-upgrade.gz").exists()


def test_certificates_and_settings(site):
    site.settings.write_text("log_format = 'json'\nrefusals_kept_days = 8\n")
    site.follow(
        "Certificates and settings",
        {
            "/etc/tokenbooth": str(site.folder),
            "systemctl reload tokenbooth": f"kill -HUP {site.service.process.pid}",
        },
    )
    eventually(lambda: '"changed":["refusals_kept_days"]' in site.service.log, within=60)


def test_backup_and_restore(site):
    token = site.service.access_token(site.billing)

    site.follow("Backup and restore")

    assert (site.safe / "master.key").read_text() == (site.folder / "booth.db.key").read_text()
    assert "billing" in (site.folder / "booth.toml").read_text()
    restored = {"TOKENBOOTH_MASTER_KEY_FILE": str(site.safe / "master.key")}
    with running(
        site.folder / "drill",
        *("--database", f"sqlite:///{site.folder}/restored.db"),
        variables=restored,
    ) as drill:
        assert drill.token(site.billing).status_code == 200
        assert not drill.is_active(site.billing, token)  # it was revoked there


def test_a_clients_secret_has_leaked(site):
    leaked = site.billing
    token = site.service.access_token(leaked)

    said = site.follow("A client's secret has leaked", LEAKED=leaked.credential_id)

    secret = re.search(r"^client_secret +(\S+)", said, re.MULTILINE)[1]
    site.service.confidential.add(secret)
    site.billing = Registered(client_id="billing", secret=secret)
    eventually(lambda: site.service.token(site.billing).status_code == 200)
    assert site.is_refused(leaked)
    assert not site.service.is_active(site.billing, token)


def test_a_signing_key_has_leaked(site):
    token = site.service.access_token(site.billing)
    kids = [key["kid"] for key in site.service.told("keys", "list") if key["purpose"] == "sign"]

    site.follow("A signing key has leaked", KID=kids[0])

    eventually(lambda: not site.service.is_active(site.billing, token))
    published = site.service.http.get("/.well-known/jwks.json").json()["keys"]
    assert kids[0] not in [key["kid"] for key in published]
    # Tokens of the second in which the client was disabled, a runbook ago, are inactive.
    eventually(
        lambda: site.service.is_active(site.billing, site.service.access_token(site.billing))
    )


def test_the_master_key_has_leaked(site):
    before = {key["kid"] for key in site.service.told("keys", "list")}
    old = (site.folder / "booth.db.key").read_text()
    token = site.service.access_token(site.billing)

    site.follow("The master key has leaked")

    assert before.isdisjoint(key["kid"] for key in site.service.told("keys", "list"))
    assert (site.folder / "booth.db.key").read_text() != old
    eventually(lambda: not site.service.is_active(site.billing, token))
    eventually(lambda: site.service.token(site.billing).status_code == 200)


def test_the_master_key_is_lost(site):
    (site.folder / "booth.db.key").unlink()
    # The service that runs has it in memory.
    assert site.service.http.get("/readyz").status_code == 200
    assert site.service.token(site.billing).status_code == 200

    said = site.follow("The master key is lost")

    secret = re.search(r"^client_secret +(\S+)", said, re.MULTILINE)[1]
    rebuilt = {"TOKENBOOTH_MASTER_KEY_FILE": str(site.folder / "rebuilt.key")}
    with running(
        site.folder / "successor",
        *("--database", f"sqlite:///{site.folder}/rebuilt.db"),
        variables=rebuilt,
    ) as successor:
        billing = Registered(client_id="billing", secret=secret)
        assert successor.token(billing).status_code == 200


def test_an_operator_is_locked_out(site):
    async def staff(booth):
        await first_operator(booth)
        await add(booth, "ann@example.com", "operator")

    site.service.manage(staff)

    site.follow("An operator is locked out")


def test_no_block_of_commands_was_left_out(site):
    assert site.ran == BOOKS.keys()
