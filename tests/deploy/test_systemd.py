"""The unit is well formed, keeps the service in, and lets it work."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

from tests.deploy.shipped import BACKUP_UNIT, UNIT, unit
from tests.end_to_end.service import (
    PROGRAM,
    START_SECONDS,
    environment,
    eventually,
    run_program,
)
from tokenbooth.cli.main import program
from tokenbooth.cli.uvicorn_drain import FINISH_SECONDS
from tokenbooth.clock import SYSTEM_CLOCK

# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN): what MemoryDenyWriteExecute= forbids, Linux 6.3.
_DENY = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_starts_and_stops_the_service_as_it_wants():
    service = {
        name: values[-1] for (section, name), values in unit().items() if section == "Service"
    }
    path, command = service["ExecStart"].split()
    assert path.endswith("/bin/tokenbooth")
    assert command in program.lazy_commands
    assert int(service["TimeoutStopSec"]) > FINISH_SECONDS
    # Workers end with the first process, which must be asked before they are killed.
    assert service["KillMode"] == "mixed"


def test_a_reload_is_the_signal_at_which_the_service_reads_its_settings_anew():
    # What SIGHUP does to the real program: tests/end_to_end/test_reload.py.
    assert unit()["Service", "ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_the_master_key_comes_as_a_credential():
    (loaded,) = unit()["Service", "LoadCredential"]
    name = loaded.partition(":")[0]
    assert f"TOKENBOOTH_MASTER_KEY_FILE=%d/{name}" in unit()["Service", "Environment"]


def test_the_database_is_in_the_state_directory():
    (folder,) = unit()["Service", "StateDirectory"]
    (database,) = re.findall(r"TOKENBOOTH_DATABASE=sqlite:///(\S+)", UNIT.read_text("utf-8"))
    assert database.startswith(f"/var/lib/{folder}/")


def test_a_backup_runs_as_the_service_does():
    served, backed_up = unit(), unit(BACKUP_UNIT)
    own = {"Type", "ExecStart", "ExecReload", "Environment", "Restart", "RestartSec"}
    own |= {"KillMode", "TimeoutStopSec", "LimitNOFILE", "StateDirectory"}
    same = {key for key in served if key[0] == "Service" and key[1] not in own}
    assert {key: backed_up.get(key) for key in same} == {key: served[key] for key in same}
    assert set(backed_up["Service", "Environment"]) <= set(served["Service", "Environment"])
    # One user, whose folders both may use.
    assert backed_up["Service", "User"] == [UNIT.stem]
    assert served["Service", "StateDirectory"][0] in backed_up["Service", "StateDirectory"][0]


def test_a_backup_is_made_beside_the_older_ones_and_the_oldest_go(tmp_path):
    database = f"sqlite:///{tmp_path}/booth.db"
    folder = tmp_path / "tokenbooth-backup"
    folder.mkdir()
    for name, days in (("booth-old.gz", 20), ("booth-recent.gz", 3), ("other", 20)):
        (folder / name).touch()
        then = SYSTEM_CLOCK.now() - days * 86_400
        os.utime(folder / name, (then, then))
    made = run_program("issuers", "list", "--database", database)
    assert made.returncode == 0, made.stderr

    for line in unit(BACKUP_UNIT)["Service", "ExecStart"]:
        # What systemd makes of it (systemd.service(5), systemd.unit(5)).
        command = re.sub("%(.)", lambda found: {"S": str(tmp_path)}.get(found[1], "%"), line)
        command = command.replace("$$", "$")
        command = command.replace("/opt/tokenbooth/bin/tokenbooth", PROGRAM)
        done = subprocess.run(
            shlex.split(command),
            env=environment(TOKENBOOTH_DATABASE=database),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    names = {path.name for path in folder.iterdir()}
    assert {"booth-recent.gz", "other"} < names
    assert "booth-old.gz" not in names
    (new,) = names - {"booth-recent.gz", "other"}
    assert re.fullmatch(r"booth-\d{8}T\d{6}\.gz", new)


def test_systemd_finds_nothing_wrong(tmp_path):
    analyze = shutil.which("systemd-analyze")
    assert analyze is not None  # scripts/system-packages installs it
    copies = []
    for path in sorted(UNIT.parent.iterdir()):
        text = path.read_text("utf-8").replace("/opt/tokenbooth/bin/tokenbooth", PROGRAM)
        copies.append(tmp_path / path.name)
        copies[-1].write_text(text)

    verified = subprocess.run(
        [analyze, "verify", *copies], capture_output=True, text=True, check=False
    )
    ours = [line for line in verified.stderr.splitlines() if "tokenbooth" in line]
    assert (verified.returncode, ours) == (0, [])
    services = [copy for copy in copies if copy.suffix == ".service"]
    # 0 is closed, 10 is open; most of what Debian ships is above 9.
    judged = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=13", *services],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-2000:] + judged.stderr


def test_the_service_works_where_memory_cannot_become_code(tmp_path):
    """cffi, uvloop and OpenSSL run under MemoryDenyWriteExecute=yes: a token is signed."""
    assert unit()["Service", "MemoryDenyWriteExecute"] == ["yes"]
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", _DENY, PROGRAM, "serve", "--port", "0"],
            stderr=out,
            cwd=tmp_path,
            env=environment(TOKENBOOTH_DATABASE=f"sqlite:///{tmp_path}/booth.db"),
        )
    try:
        url = eventually(
            lambda: re.search(r"serves the issuer (\S+)", log.read_text()), within=START_SECONDS
        )[1]
        _get_token(url, tmp_path)
    finally:
        process.terminate()
        # Ended by the signal that asked for it, which systemd takes for a clean end.
        assert process.wait(20) == -signal.SIGTERM, log.read_text()


def _get_token(url, folder):
    database = ("--database", f"sqlite:///{folder}/booth.db")
    for arguments in (
        ("apis", "create", "p", "--audience", "https://p.example", "--scopes", "read"),
        ("clients", "create", "--id", "ada", "--api", "p", "--json"),
    ):
        made = subprocess.run(
            [PROGRAM, *arguments, *database],
            capture_output=True,
            text=True,
            check=True,
            env=environment(),
        )
    secret = re.search(r'"client_secret": "([^"]+)"', made.stdout)[1]
    got = subprocess.run(
        [PROGRAM, "token", "get", "--issuer", url, "--client-id", "ada", "--secret", "-"],
        input=secret,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert got.returncode == 0, got.stderr
    assert got.stdout.count(".") == 2
