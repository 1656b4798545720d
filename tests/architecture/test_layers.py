"""The layers of the design hold, and whoever breaks one is told."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grimp
import pytest

from tests.architecture.sources import ROOT, SRC

LintImports = Callable[[], subprocess.CompletedProcess[str]]

# Where the import is planted, what is planted, and the contract that says no.
VIOLATIONS = [
    ("protocol/planted.py", "import tokenbooth.server.planted", "Each layer imports only"),
    ("server/planted.py", "import tokenbooth.guard.planted", "Each layer imports only"),
    ("client/planted.py", "import tokenbooth.server.planted", "Each layer imports only"),
    ("guard/planted.py", "from tokenbooth.client import planted", "Each layer imports only"),
    ("helpers/planted.py", "import tokenbooth", "Each layer imports only"),
    ("protocol/planted.py", "import socket", "The protocol does no I/O"),
    ("protocol/planted.py", "import asyncio", "The protocol does no I/O"),
    ("protocol/planted.py", "import httpx2", "HTTP goes out through remote"),
    ("server/planted.py", "import fastapi", "FastAPI stays"),
    ("client/planted.py", "import starlette.requests", "Starlette stays"),
    ("client/planted.py", "import sqlalchemy", "The database stays"),
    ("server/grants/planted.py", "import sqlalchemy.orm", "The database stays"),
    ("guard/planted.py", "import httpx", "httpx stays"),
    ("client/planted.py", "import requests", "requests stays"),
    ("server/planted.py", "import click", "click and rich stay"),
    ("client/planted.py", "import structlog", "structlog stays"),
]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return shutil.copytree(
        SRC / "tokenbooth",
        tmp_path / "src" / "tokenbooth",
        ignore=shutil.ignore_patterns("__pycache__"),
    )


@pytest.fixture
def lint_imports(tmp_path: Path, package: Path) -> LintImports:
    """Runs the real contracts on the copy."""

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                Path(sys.executable).with_name("lint-imports"),
                "--no-logo",
                "--no-cache",
                "--config",
                ROOT / "pyproject.toml",
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{package.parent}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def plant(package: Path, name: str, text: str = "") -> None:
    file = package / name
    for folder in [package, *(package / parent for parent in Path(name).parents)]:
        folder.mkdir(exist_ok=True, parents=True)
        (folder / "__init__.py").touch()
    file.write_text(text)


def test_the_package_as_it_is_breaks_no_contract(lint_imports: LintImports) -> None:
    linted = lint_imports()

    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(("name", "line", "contract"), VIOLATIONS)
def test_a_planted_violation_breaks_its_contract(
    package: Path, lint_imports: LintImports, name: str, line: str, contract: str
) -> None:
    for target in ("client/planted.py", "guard/planted.py", "server/planted.py"):
        plant(package, target)
    plant(package, name, f"{line}\n")

    linted = lint_imports()

    broken = [line for line in linted.stdout.splitlines() if line.endswith("BROKEN")]
    assert linted.returncode == 1
    assert [verdict for verdict in broken if verdict.startswith(contract)], linted.stdout


def test_a_planted_cycle_breaks_its_contract(package: Path, lint_imports: LintImports) -> None:
    plant(package, "protocol/here.py", "import tokenbooth.protocol.there\n")
    plant(package, "protocol/there.py", "import tokenbooth.protocol.here\n")

    linted = lint_imports()

    assert linted.returncode == 1
    assert "Siblings form no cycle BROKEN" in linted.stdout


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("tokenbooth", cache_dir=None)

    in_a_cycle = sorted(
        module
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if imported == module or graph.find_shortest_chain(imported, module)
    )

    assert in_a_cycle == []
