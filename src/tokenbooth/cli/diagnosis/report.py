"""The findings for people, for programs, and as a file that can be given away."""

import platform
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from tokenbooth import __version__
from tokenbooth.cli.diagnosis.case import Order
from tokenbooth.cli.diagnosis.finding import Finding
from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.cli.output import Output, write_json
from tokenbooth.clock import Clock
from tokenbooth.remote.address import shown

_MARKS = {"ok": "ok", "warning": "WARNING", "failed": "FAILED", "skipped": "skipped"}


def first_failed(findings: Sequence[Finding]) -> Finding | None:
    """Return the finding that decides what the program ends with."""
    return next((each for each in findings if each.verdict == "failed"), None)


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0, or what the first failed check says."""
    first = first_failed(findings)
    if first is None:
        return 0
    return (first.outcome or Outcome.FAILED).exit_code


def write_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Write the findings to stdout."""
    if as_json:
        write_json(as_document(findings))
        return
    rows = [
        {"verdict": _MARKS[each.verdict], "check": each.check, "seen": each.seen}
        for each in findings
    ]
    Output(as_json=False).many(rows, ["check", "verdict", "seen"], empty="")
    for line in _explanations(findings):
        click.echo(line)


def as_document(findings: Sequence[Finding]) -> dict[str, object]:
    """Return what `--json` writes."""
    first = first_failed(findings)
    return {
        "verdict": _verdict(findings),
        "exit_code": exit_code(findings),
        "first_failed": None if first is None else first.check,
        "checks": [
            {
                "check": each.check,
                "verdict": each.verdict,
                "seen": each.seen,
                "causes": each.causes,
                "details": each.details,
            }
            for each in findings
        ],
    }


def write_report(path: str, order: Order, findings: Sequence[Finding], clock: Clock) -> None:
    """Write the file; raises Failure."""
    now = datetime.fromtimestamp(clock.now(), UTC)
    lines = [
        f"tokenbooth doctor, {now:%Y-%m-%d %H:%M:%SZ}",
        "Secrets and tokens are left out or shown as ***.",
        "",
        (
            f"version   tokenbooth {__version__}, Python {platform.python_version()}, "
            f"{ssl.OPENSSL_VERSION}, {platform.system()} {platform.release()}"
        ),
        f"issuer    {shown(order.issuer) if order.issuer else '-'}",
        f"token url {shown(order.token_url) if order.token_url else '-'}",
        f"client    {order.client_id or '-'}",
        f"scope     {order.scope or '-'}",
        f"dialect   {order.dialect.name}",
        f"api       {shown(order.api) if order.api else '-'}",
        "",
        *(f"{_MARKS[each.verdict]:<8} {each.check:<10} {each.seen}" for each in findings),
        *_explanations(findings),
    ]
    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise Failure(Outcome.FAILED, f"Cannot write {path}: {error.strerror}.") from error


def _explanations(findings: Sequence[Finding]) -> list[str]:
    lines = []
    for each in findings:
        if each.details:
            lines += ["", f"{each.check}, in detail:", *(f"  {line}" for line in each.details)]
    for each in findings:
        if each.causes:
            what = "failed" if each.verdict == "failed" else "could be better"
            lines += ["", f"{each.check} {what}. What to do, likeliest first:"]
            lines += [f"  {number}. {text}" for number, text in enumerate(each.causes, start=1)]
    return [*lines, "", _verdict_in_words(findings)]


def _verdict(findings: Sequence[Finding]) -> str:
    for verdict in ("failed", "warning"):
        if any(each.verdict == verdict for each in findings):
            return verdict
    return "ok"


def _verdict_in_words(findings: Sequence[Finding]) -> str:
    first = first_failed(findings)
    if first is not None:
        return f"Begin with the check named {first.check}: what comes after it may follow from it."
    if _verdict(findings) == "warning":
        return "It works; mind the warnings."
    return "All is well."
