"""What holds for every test: the event loop, Hypothesis' profile, and no skips in CI."""

import gc
import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
IN_CI = os.environ.get("CI", "").lower() == "true"

# Some hundred processes are started here, each of which would compile a thousand modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Thousands of databases are written; where there is room for them in memory, no disk is waited for.
MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 * 1024**3
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# A deadline per example would measure the machine. In CI the examples are the same in every run.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if IN_CI else "local")
# Files are shared out in the order of these folders (`--no-loadscope-reorder`): those that take a
# minute each come first, so that no worker is left alone with one of them at the end.
LONG_FIRST = ("end_to_end", "browser", "interop", "cluster", "store_contract", "architecture")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # Thousands of tests are kept to the end: looking for garbage among them takes seconds.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # A skip, or an expected failure, would hide in a green run that something was never tested.
    if IN_CI and report.skipped:
        reason = getattr(report, "wasxfail", None)
        if reason is not None:
            del report.wasxfail
        report.outcome = "failed"
        report.longrepr = f"Skipped, which CI does not allow: {reason or report.longrepr}"
