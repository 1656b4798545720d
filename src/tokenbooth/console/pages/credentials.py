"""What a client proves itself with: add, look at, change, remove."""

from datetime import UTC, datetime

from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tokenbooth.console.client_pages import PATH, days_of, find, here, title_of
from tokenbooth.console.credential_state import marks_of
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.new_secret import show_secret
from tokenbooth.console.once import claim_once, new_once
from tokenbooth.console.pasted_keys import pasted_again, pasted_keys
from tokenbooth.console.visit import Visit
from tokenbooth.management.clients import credentials
from tokenbooth.management.clients.certificates import certificate_proofs
from tokenbooth.management.clients.proofs import NewProof, add_proofs
from tokenbooth.management.errors import BadInput, ManagementError

KINDS = (
    ("secret", "A secret", "A long random text. It is shown once, on the next page."),
    ("key", "A public key", "A JWK, a JWKS or a PEM; the private key stays where it is."),
    ("certificate", "A certificate", "A PEM, or a JWK with x5c, that the client shows in TLS."),
)
_ONE = f"{PATH}/credentials/{{credential}}"


async def ask_for_new(visit: Visit) -> Response:
    """Ask what to add."""
    return await _new_form(visit)


async def add(visit: Visit) -> Response:
    """Add it; those that are there stay as they are."""
    form, client_id, issuer = visit.form, visit.given["client_id"], visit.given["issuer"]
    try:
        await claim_once(visit)
        label, expires_in = form.text("label"), days_of(form, "valid_days", "The validity")
        if form.text("kind", "secret") == "secret":
            made = await credentials.add_secret(
                visit.booth, client_id, issuer=issuer, label=label, expires_in=expires_in
            )
            return await show_secret(visit, made, title="A new secret")
        added = await add_proofs(
            visit.booth,
            client_id,
            _proofs(visit),
            issuer=issuer,
            label=label,
            expires_in=expires_in,
        )
    except ManagementError as error:
        return await _new_form(visit, error)
    hints = ", ".join(each.hint for each in added.credentials)
    return visit.redirect(here(visit), notice=f"Added: {hints}.")


def _proofs(visit: Visit) -> tuple[NewProof, ...]:
    kind, text = visit.form.text("kind"), visit.form.text("pasted")
    if kind == "certificate":
        return certificate_proofs(text, now=visit.booth.clock.now())
    if kind != "key":
        raise BadInput("Choose a secret, a public key or a certificate.")
    return pasted_keys(text)


async def _new_form(visit: Visit, error: ManagementError | None = None) -> Response:
    client = await find(visit)
    form = visit.form
    return visit.render(
        "clients/new_credential.html",
        status=200 if error is None else status_of(error),
        client=client,
        title=title_of(client),
        base=here(visit),
        kinds=KINDS,
        kind=form.text("kind", "secret"),
        pasted=pasted_again(form.text("pasted"), error),
        label=form.text("label"),
        valid_days=form.text("valid_days"),
        once=new_once(),
        mistake=str(error or ""),
    )


async def show(visit: Visit) -> Response:
    """Show one, with the places from which it is used."""
    return await _one(visit)


async def change(visit: Visit) -> Response:
    """Give it another label or another end."""
    form = visit.form
    try:
        await credentials.change_credential(
            visit.booth,
            visit.given["client_id"],
            visit.given["credential"],
            label=form.text("label"),
            expires_at=_end(form.text("until"), form.text("until_before")),
            issuer=visit.given["issuer"],
            version=form.text("version"),
        )
    except ManagementError as error:
        return await _one(visit, error)
    return visit.redirect(here(visit), notice="The credential is changed.")


def _end(text: str, before: str) -> float | UnsetType | None:
    if text == before:
        return UNSET  # it may end between two minutes, which the field does not show
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise BadInput("The end is a day and a time, like 2027-01-31T12:00, in UTC.") from error


async def _one(visit: Visit, error: ManagementError | None = None) -> Response:
    client = await find(visit)
    found = await credentials.show_credential(
        visit.booth, client.client_id, visit.given["credential"], issuer=client.issuer
    )
    one, form = found.credential, visit.form
    until = "" if one.expires_at is None else f"{one.expires_at:%Y-%m-%dT%H:%M}"
    others = [each for each in client.credentials if each.id != one.id]
    return visit.render(
        "clients/credential.html",
        status=200 if error is None else status_of(error),
        client=client,
        title=title_of(client),
        base=here(visit),
        one=one,
        hosts=found.hosts,
        marks=marks_of(one, visit.booth.clock),
        is_last=not any(each.status == "valid" for each in others),
        label=form.text("label", one.label),
        until=form.text("until", until),
        until_before=form.text("until_before", until),
        version=form.text("version", one.version),
        mistake=str(error or ""),
    )


async def remove(visit: Visit) -> Response:
    """Remove it at once, and end what it was used to get if that is asked for."""
    await credentials.remove_credential(
        visit.booth,
        visit.given["client_id"],
        visit.given["credential"],
        issuer=visit.given["issuer"],
        revoke_tokens=visit.form.flag("revoke_tokens"),
    )
    return visit.redirect(here(visit), notice="The credential is removed.")


async def revoke(visit: Visit) -> Response:
    """End every token that it was used to get."""
    await credentials.revoke_credential_tokens(
        visit.booth,
        visit.given["client_id"],
        visit.given["credential"],
        issuer=visit.given["issuer"],
    )
    notice = "Every token that was got with this credential has ended. It can get new ones."
    return visit.redirect(here(visit), notice=notice)


PAGES = (
    Page(path=f"{PATH}/credentials/new", show=ask_for_new, act=add, right="credentials:write"),
    Page(path=_ONE, show=show, right="clients:read"),
    Page(path=f"{_ONE}/change", act=change, right="credentials:write"),
    Page(path=f"{_ONE}/remove", act=remove, right="credentials:write"),
    Page(path=f"{_ONE}/revoke", act=revoke, right="credentials:write"),
)
