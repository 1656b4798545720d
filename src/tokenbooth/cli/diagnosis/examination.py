"""All checks in their order, each of them bounded in time whatever the other side does."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tokenbooth.cli.diagnosis.api import check_api
from tokenbooth.cli.diagnosis.case import Case
from tokenbooth.cli.diagnosis.certificate import check_trust
from tokenbooth.cli.diagnosis.finding import Finding, Findings, failed, skipped
from tokenbooth.cli.diagnosis.issuer import check_issuer, check_keys
from tokenbooth.cli.diagnosis.network import check_way
from tokenbooth.cli.diagnosis.secret import check_secret
from tokenbooth.cli.diagnosis.token import check_token
from tokenbooth.cli.failures import Outcome
from tokenbooth.remote.address import AddressRefused, checked_address, shown
from tokenbooth.remote.deadline import Deadline
from tokenbooth.remote.fetch import HttpFetch

_GRACE = 1.0  # seconds for a step to end by itself before it is left behind
_REQUESTS = 3  # of a step: each has the step's time, since a token may be asked for twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One group of checks, named after the first of them."""

    name: str
    talk: str
    run: Callable[[Case, float], Findings]
    requests: int = 1


def _address(case: Case, _timeout: float) -> Findings:
    """Refuse an address to which no credentials may go, and see where it leads without them."""
    allow = case.order.allow_plain_http
    try:
        for url in filter(None, (case.order.issuer, case.order.token_url)):
            checked_address(url, allow_plain_http=allow)
    except AddressRefused as error:
        fix = "Begin the address with https://, or end plain http at this machine."
        yield failed("address", Outcome.USAGE, str(error), fix)
        # Nothing secret goes out any more, so that plain http can be looked at.
        case.secret, case.withheld = None, "the address is refused: no secret goes there"
        allow = True
    if case.tls is not None:
        case.fetch = HttpFetch(
            allow_plain_http_for_development=allow, tls=case.tls, clock=case.clock
        )


STEPS = (
    Step(name="trust", talk="the trusted authorities", run=lambda case, _: check_trust(case)),
    Step(name="address", talk="the address", run=_address),
    Step(
        name="proxy",
        talk="the way to the issuer",
        run=lambda case, timeout: check_way(case, case.order.start, timeout),
    ),
    Step(name="discovery", talk="what the issuer publishes", run=check_issuer),
    Step(name="keys", talk="the keys", run=check_keys),
    Step(name="token", talk="a token", run=check_token, requests=_REQUESTS),
    Step(name="api", talk="the API", run=check_api, requests=2),
)


def examine(case: Case, talk: Callable[[str], None]) -> Iterator[Finding]:
    """Yield what all checks find, masked; `talk` is told what is looked at."""
    deadline = Deadline(case.clock, case.order.total)
    talk("Looking at the secret ...")
    # Alone without a time limit: it may be typed by a person.
    for finding in check_secret(case):
        yield case.mask.finding(finding)
    for step in STEPS:
        left = deadline.remaining()
        if left <= 0:
            yield skipped(step.name, f"the {case.order.total:g} seconds for all checks are over")
            continue
        talk(f"Looking at {step.talk} ...")
        for finding in _bounded(step, case, left):
            yield case.mask.finding(finding)
    if case.fetch is not None:
        case.fetch.close()


def _bounded(step: Step, case: Case, left: float) -> list[Finding]:
    """Run the step in a thread that can be left behind: a name look-up obeys no time limit."""
    timeout = min(case.order.timeout, left)
    findings: list[Finding] = []

    def work() -> None:
        try:
            findings.extend(step.run(case, timeout))
        except Exception as error:  # noqa: BLE001 - whatever a server makes us do is a finding.
            # Its text could hold what the server sent, so that the class has to do.
            where = shown(case.order.start)
            what = f"this check ended unexpectedly ({type(error).__name__})"
            fix = f"Report this as a defect of tokenbooth, with the address {where}."
            findings.append(failed(step.name, Outcome.FAILED, what, fix))

    thread = threading.Thread(target=work, name=f"doctor-{step.name}", daemon=True)
    thread.start()
    thread.join(min(timeout * step.requests + _GRACE, left + _GRACE))
    if not thread.is_alive():
        return findings
    seen = f"no end within {timeout:g} seconds"
    fix = "Check the network and the name server: something there does not answer."
    return [*findings, failed(step.name, Outcome.NETWORK, seen, fix)]
