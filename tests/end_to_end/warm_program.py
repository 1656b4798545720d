"""A `tokenbooth` for scripts with many commands: each is forked from a process that knows it all.

To import everything takes a command ten times as long as what it does. Run as a program, this file
is that process: it listens on the socket that it is given.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_MOST_BYTES = 1 << 20
# Nothing but what every Python has at once.
_STUB = """#!{python} -IS
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect({door!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(door, [asked], [0, 1, 2])
sys.exit(int(door.recv(16) or b"70"))
"""


@contextlib.contextmanager
def warm_program(folder: Path) -> Iterator[Path]:
    """Return a folder with a program `tokenbooth`, which works while inside."""
    folder.mkdir()
    listening, stub = folder / "door", folder / "tokenbooth"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(listening))
        door.listen()
        process = subprocess.Popen(
            [sys.executable, __file__, str(door.fileno())], pass_fds=[door.fileno()]
        )
    stub.write_text(_STUB.format(python=sys.executable, door=str(listening)))
    stub.chmod(0o755)
    try:
        yield folder
    finally:
        process.terminate()
        process.wait()


def _serve(door: socket.socket) -> None:
    while True:
        asking, _ = door.accept()
        with asking:
            asked, streams, _, _ = socket.recv_fds(asking, _MOST_BYTES, 3)
            child = os.fork()
            if child == 0:
                os._exit(_run(*json.loads(asked), streams))
            for stream in streams:
                os.close(stream)
            _, status = os.waitpid(child, 0)
            asking.send(b"%d" % os.waitstatus_to_exitcode(status))


def _run(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> int:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = 70
    try:
        code = run(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


if __name__ == "__main__":
    import tokenbooth.server.checks.everything
    import tokenbooth.server.stores.sql
    import tokenbooth.server.stores.sqlite  # noqa: F401 - what the commands import when they run
    from tokenbooth.cli.main import program, run

    for _name in program.list_commands(None):
        program.get_command(None, _name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
