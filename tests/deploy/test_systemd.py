"""The unit is well formed, keeps the service in, and lets it work."""

import re
import shutil
import signal
import subprocess
import sys

from tests.deploy.shipped import UNIT, unit
from tests.end_to_end.service import PROGRAM, START_SECONDS, environment, eventually
from tokenbooth.cli.main import program
from tokenbooth.cli.uvicorn_drain import FINISH_SECONDS

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


def test_systemd_finds_nothing_wrong(tmp_path):
    analyze = shutil.which("systemd-analyze")
    assert analyze is not None  # scripts/system-packages installs it
    text = UNIT.read_text("utf-8").replace("/opt/tokenbooth/bin/tokenbooth", PROGRAM)
    copy = tmp_path / "tokenbooth.service"
    copy.write_text(text)

    verified = subprocess.run(
        [analyze, "verify", copy], capture_output=True, text=True, check=False
    )
    ours = [line for line in verified.stderr.splitlines() if "tokenbooth" in line]
    assert (verified.returncode, ours) == (0, [])
    # 0 is closed, 10 is open; most of what Debian ships is above 9.
    judged = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=13", copy],
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
