"""Show a plan: a tree of what is made, changed and deleted, in the signs that people know."""

from collections.abc import Iterator
from typing import Any

import click
import msgspec

from tokenbooth.cli.output import Output
from tokenbooth.management.configuration.plan import (
    Action,
    Difference,
    Plan,
    Step,
    without_secret,
)

_SIGN: dict[Action, str] = {"create": "+", "change": "~", "delete": "-"}
_COLOUR: dict[Action, str] = {"create": "green", "change": "yellow", "delete": "red"}
_WORD: dict[Action, str] = {"create": "to create", "change": "to change", "delete": "to delete"}
_WIDEST = 100
_MOST_TOLD = 10


def write_plan(plan: Plan) -> None:
    """Write the plan to stdout for people."""
    issuer: str | None = None
    for step in _by_issuer(plan):
        belongs_to = step.name if step.kind == "issuer" else step.issuer
        if step.kind != "issuer" and belongs_to is not None and belongs_to != issuer:
            click.echo(f"  issuer {belongs_to}")
        issuer = belongs_to
        for line in _lines(step):
            click.echo(line)
    click.echo(summary(plan))


def summary(plan: Plan) -> str:
    """Return one line that counts."""
    if not plan.steps:
        return f"Nothing to do: {plan.unchanged} unchanged."
    parts = [f"{count} {_WORD[action]}" for action in _SIGN if (count := plan.count(action))]
    return f"{', '.join(parts)}, {plan.unchanged} unchanged."


def tell_who_needs_a_secret(out: Output, plan: Plan) -> None:
    """Say what to do next for new clients that have nothing to prove themselves with."""
    needy = without_secret(plan)
    for client in needy[:_MOST_TOLD]:
        out.talk(
            f"The client {client.client_id} has no secret yet. Make one with: "
            f"tokenbooth credentials add {client.client_id} --issuer {client.issuer}"
        )
    if len(needy) > _MOST_TOLD:
        out.talk(f"… and {len(needy) - _MOST_TOLD} more clients have none yet.")


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan for programs."""
    return {
        "steps": [_step_as_json(step) for step in plan.steps],
        "create": plan.count("create"),
        "change": plan.count("change"),
        "delete": plan.count("delete"),
        "unchanged": plan.unchanged,
    }


def _step_as_json(step: Step) -> dict[str, Any]:
    return {
        "action": step.action,
        "kind": step.kind,
        "issuer": step.issuer,
        "client_id": step.client_id or (step.name if step.kind == "client" else None),
        "name": step.name,
        "changes": {each.field: [each.old, each.new] for each in step.differences},
    }


def _by_issuer(plan: Plan) -> list[Step]:
    """Keep each credential behind its client, and each issuer's things together."""
    order = {"account": 0, "issuer": 1, "api": 2, "client": 3, "credential": 3}

    def place(step: Step) -> tuple[str, str, int, str, bool]:
        at = (step.issuer or (step.name if step.kind == "issuer" else ""), "")
        return (*at, order[step.kind], step.client_id or step.name, step.kind == "credential")

    return sorted(plan.steps, key=place)


def _lines(step: Step) -> Iterator[str]:
    depth = {"account": 0, "issuer": 0, "api": 2, "client": 2, "credential": 4}[step.kind]
    whose = f" of {step.client_id}" if step.client_id else ""
    line = f"{' ' * depth}{_SIGN[step.action]} {step.kind} {step.name}{whose}"
    yield click.style(line, fg=_COLOUR[step.action], bold=True)
    for each in step.differences:
        yield f"{' ' * (depth + 4)}{_shown(step, each)}"


def _shown(step: Step, difference: Difference) -> str:
    new = _value(difference.new)
    if step.action == "create":
        return f"{difference.field}: {new}"
    return f"{difference.field}: {_value(difference.old)} → {new}"


def _value(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
