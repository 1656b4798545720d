"""In CI a skipped test fails; elsewhere it is only reported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

SKIPS = {
    "a mark": "@pytest.mark.skip(reason='later')\ndef test_it(): pass",
    "a call": "def test_it(): pytest.skip('later')",
    "an expected failure": "@pytest.mark.xfail\ndef test_it(): assert False",
    "a whole file": "pytest.skip('later', allow_module_level=True)",
    "a missing library": "pytest.importorskip('tokenbooth_has_no_such_library')",
}


def run_pytest(folder: Path, *, ci: str) -> subprocess.CompletedProcess[str]:
    conftest = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    (folder / "conftest.py").write_text(conftest)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder],
        cwd=folder,
        env={**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("body", SKIPS.values(), ids=SKIPS.keys())
def test_a_skip_fails_in_ci(tmp_path: Path, body: str) -> None:
    (tmp_path / "test_skip.py").write_text(f"import pytest\n\n{body}\n")

    run = run_pytest(tmp_path, ci="true")

    assert run.returncode != 0
    assert "which CI does not allow" in run.stdout


def test_a_skip_passes_on_a_developers_machine(tmp_path: Path) -> None:
    (tmp_path / "test_skip.py").write_text(
        "import pytest\n\ndef test_it(): pytest.skip('later')\n\ndef test_other(): pass\n"
    )

    run = run_pytest(tmp_path, ci="")

    assert run.returncode == 0, run.stdout
    assert "1 skipped" in run.stdout
