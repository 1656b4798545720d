"""The blocks of commands in docs/operations.md, as an operator would paste them into a shell."""

import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.service import environment

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"

_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SAYS = re.compile(r"^# → (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Runbook:
    """All blocks under one heading."""

    heading: str
    script: str

    @property
    def says(self) -> list[str]:
        """What the page promises that the commands say; each … stands for anything."""
        return _SAYS.findall(self.script)


def runbooks() -> dict[str, Runbook]:
    """Return every section that has commands, in the order of the page."""
    found = {}
    for part in re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        script = "".join(textwrap.dedent(block) for _, block in _BLOCK.findall(text))
        if script:
            found[heading] = Runbook(heading, script)
    return found


def run_book(
    book: Runbook, folder: Path, program: Path, instead: dict[str, str], **variables: str
) -> str:
    """Run a section's commands to the end and return what they said; any that fails, fails.

    `program` is the folder of `tokenbooth`; `instead` names what this machine cannot do, with what
    stands in for it.
    """
    script = book.script
    for command, other in instead.items():
        assert command in script, command
        script = script.replace(command, other)
    path = f"{program}:{environment()['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**environment(**variables), "PATH": path},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{book.heading}:\n{script}\n{done.stdout}"
    expected = ".*".join(".+".join(map(re.escape, each.split("…"))) for each in book.says)
    assert re.search(expected, done.stdout, re.DOTALL), f"{book.says} not in:\n{done.stdout}"
    return done.stdout
