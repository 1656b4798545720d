"""Plan an import, report on every client, and do it: all at once, and again without harm."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

from tokenbooth.management.configuration.applying import apply_plan, require_reading
from tokenbooth.management.configuration.checks import faults
from tokenbooth.management.configuration.gathering import gather
from tokenbooth.management.configuration.plan import Plan, Step, make_plan
from tokenbooth.management.configuration.wanted import State, Wanted
from tokenbooth.management.imports.found import Found
from tokenbooth.management.imports.merging import Merged, Notes, merge
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import ApiAccess

Outcome = Literal["created", "changed", "unchanged", "skipped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReport:
    """What becomes of one client."""

    client_id: str
    outcome: Outcome
    reason: str = ""  # why it was skipped
    needs: str = ""  # why it needs a new secret or key
    lost: tuple[str, ...] = ()  # what could not be carried over


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A plan, and what is told about it."""

    system: str
    issuer: str
    plan: Plan
    apis: tuple[str, ...]  # that are made or changed
    clients: tuple[ClientReport, ...]

    def count(self, outcome: Outcome) -> int:
        """Return for how many clients this is the outcome."""
        return sum(each.outcome == outcome for each in self.clients)


async def prepare_import(booth: Booth, found: Found, *, issuer: str) -> Import:
    """Compare an export with what the issuer has; raises Missing for an unknown issuer."""
    require_reading(booth)
    await find_issuer(booth, issuer)
    pairs = [(issuer, client.client_id) for client in found.clients]
    state = await gather(booth, clients=pairs)
    merged = merge(booth, found, state, issuer)
    reports = [
        ClientReport(
            client_id=_printable(each.client_id), outcome="skipped", reason=_printable(each.why)
        )
        for each in found.skipped
    ]
    wanted, plan, refused = _without_faults(booth, merged, state)
    reports += [
        ClientReport(client_id=_printable(client_id), outcome="skipped", reason=_printable(why))
        for client_id, why in refused.items()
    ]
    outcomes = _outcomes(plan)
    reports += [
        _report(client_id, outcomes.get(client_id, "unchanged"), merged.notes[client_id])
        for _, client_id in wanted.clients
    ]
    return Import(
        system=found.system,
        issuer=issuer,
        plan=plan,
        apis=tuple(step.name for step in plan.steps if step.kind == "api"),
        clients=tuple(sorted(reports, key=lambda report: report.client_id)),
    )


async def do_import(booth: Booth, prepared: Import, *, name: str, digest: str) -> None:
    """Do all of it, or nothing; raises Outdated if something was changed since it was prepared."""
    await apply_plan(
        booth,
        prepared.plan,
        event="configuration_imported",
        source=f"{prepared.system}: {name}"[:_LONGEST_SUBJECT],
        digest=digest,
    )


def _without_faults(
    booth: Booth, merged: Merged, state: State
) -> tuple[Wanted, Plan, dict[str, str]]:
    """Leave out what cannot be here, and say why, until all the rest can."""
    refused = {
        client.client.client_id: _may_call_nothing(merged.notes[client.client.client_id])
        for client in merged.wanted.clients.values()
        if not client.client.access
    }
    clients = {
        pair: client
        for pair, client in merged.wanted.clients.items()
        if client.client.client_id not in refused
    }
    wanted = replace(merged.wanted, clients=clients)
    while True:
        plan = make_plan(wanted, state)
        found = faults(booth, plan, wanted, state)
        if not found:
            return wanted, plan, refused
        for step, why in found:
            wanted = _without(wanted, step, why, refused, merged.notes)


def _may_call_nothing(notes: Notes) -> str:
    return "; ".join(["It may call nothing: the export grants it no API", *notes.lost]) + "."


def _without(
    wanted: Wanted, step: Step, why: str, refused: dict[str, str], notes: dict[str, Notes]
) -> Wanted:
    if step.kind == "api":
        return _without_api(wanted, step, why, notes)
    client_id = step.client_id or step.name
    pair = (step.issuer or "", client_id)
    client = wanted.clients.get(pair)
    if client is None:  # it went with another fault
        return wanted
    others = {each: what for each, what in wanted.clients.items() if each != pair}
    if step.kind == "client":
        refused[client_id] = why
        return replace(wanted, clients=others)
    notes[client_id].needs = notes[client_id].needs or why
    kept = tuple(each for each in client.credentials if each is not step.after)
    return replace(wanted, clients={**others, pair: replace(client, credentials=kept)})


def _without_api(wanted: Wanted, step: Step, why: str, notes: dict[str, Notes]) -> Wanted:
    apis = {pair: api for pair, api in wanted.apis.items() if api.name != step.name}
    clients = {}
    for pair, each in wanted.clients.items():
        access: tuple[ApiAccess, ...] = tuple(
            one for one in each.client.access if one.api != step.name
        )
        if access != each.client.access:
            notes[pair[1]].lost.append(f"its access to {step.name}: {why}")
        clients[pair] = replace(each, client=replace(each.client, access=access))
    return replace(wanted, apis=apis, clients=clients)


def _outcomes(plan: Plan) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for step in plan.steps:
        if step.kind == "client":
            outcomes[step.name] = "created" if step.action == "create" else "changed"
        elif step.client_id is not None:
            outcomes.setdefault(step.client_id, "changed")
    return outcomes


def _report(client_id: str, outcome: Outcome, notes: Notes) -> ClientReport:
    return ClientReport(
        client_id=client_id,
        outcome=outcome,
        needs=_printable(notes.needs),
        lost=tuple(dict.fromkeys(map(_printable, notes.lost))),
    )


def _printable(text: str) -> str:
    """Return what a file says as a terminal may show it: nothing in it is done."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
