"""Do what a plan says, in one transaction: all of it, or nothing."""

from collections.abc import Iterable
from dataclasses import replace

from tokenbooth.management.clients.bounds import check_bounds, require_no_less
from tokenbooth.management.configuration.plan import Plan, Step, StepKind
from tokenbooth.management.configuration.wanted import Name, WantedCredential
from tokenbooth.management.errors import Outdated
from tokenbooth.management.rights import require
from tokenbooth.server import revocations
from tokenbooth.server.audit import EventType
from tokenbooth.server.audit_records import Event
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.keyring import new_issuer_keys
from tokenbooth.server.records import Account, Api, Client, Credential, Issuer
from tokenbooth.server.secrets import new_credential_id
from tokenbooth.server.stores.contract import AlreadyExists, NotFound, Stale, StillInUse

_READING = ("accounts:read", "issuers:read", "apis:read", "clients:read")
_WRITING = ("accounts:write", "issuers:write", "apis:write", "clients:write", "credentials:write")
_MAKING: tuple[StepKind, ...] = ("account", "issuer", "api", "client", "credential")
_GOING_FIRST: tuple[StepKind, ...] = ("credential", "client")


def require_reading(booth: Booth) -> None:
    """Raise NotAllowed unless the actor may see the whole service."""
    for right in _READING:
        require(booth, right, whole=True)


async def apply_plan(
    booth: Booth, plan: Plan, *, event: EventType, source: str, digest: str
) -> None:
    """Make the plan come true; raises Outdated if what it was made for has changed meanwhile.

    The audit trail tells each change, and that all of them came from a file with this digest.
    """
    for right in _WRITING:
        require(booth, right, whole=True)
    if not plan.steps:
        return
    applied = booth.event(
        event,
        subject=source,
        digest=digest,
        created=plan.count("create"),
        changed=plan.count("change"),
        deleted=plan.count("delete"),
    )
    work = _Work(booth, applied, _contested(plan))
    for step in _in_order(plan.steps):
        await work.do(step)
    try:
        await work.store.commit()
    except (Stale, AlreadyExists, NotFound, StillInUse) as error:
        raise Outdated(
            f"Nothing was applied, for somebody changed something meanwhile: {error} "
            "Look at the new plan, then apply that."
        ) from error


def _in_order(steps: tuple[Step, ...]) -> list[Step]:
    """What others need comes first and goes last."""
    gone = [step for kind in _GOING_FIRST for step in steps if _is(step, kind, gone=True)]
    made = [step for kind in _MAKING for step in steps if _is(step, kind, gone=False)]
    last = [step for step in steps if _is(step, "api", gone=True)]
    return [*gone, *made, *last]


def _is(step: Step, kind: StepKind, *, gone: bool) -> bool:
    return step.kind == kind and (step.action == "delete") is gone


def _contested(plan: Plan) -> tuple[Api, ...]:
    """Return the APIs whose audience goes over to another one."""
    wanted = {
        (step.after.issuer, step.after.audience): step.after.name
        for step in plan.steps
        if isinstance(step.after, Api)
    }
    return tuple(
        step.before
        for step in plan.steps
        if isinstance(step.before, Api)
        and wanted.get((step.before.issuer, step.before.audience), step.before.name)
        != step.before.name
    )


class _Work:
    """Puts each step into one transaction, with what it records."""

    def __init__(self, booth: Booth, applied: Event, contested: Iterable[Api]) -> None:
        self.store = booth.store.together()
        self._booth = booth
        self._applied = [applied]
        self._contested = {(api.issuer, api.name): api for api in contested}
        self._seen: dict[Name, Api] = {}

    async def do(self, step: Step) -> None:
        """Put one step in."""
        await self._free_audiences()
        match step.before, step.after:
            case _, Account() as account:
                await self._account(step, account)
            case _, Issuer() as issuer:
                await self._issuer(step, issuer)
            case Api() as api, None:
                audit = self._told(step, "api_deleted")
                seen = self._seen.get((api.issuer, api.name), api)
                await self.store.delete_api(api.issuer, api.name, seen=seen, audit=audit)
            case _, Api() as api:
                await self._api(step, api)
            case None, Client() as client:
                await check_bounds(self._booth, None, client)
                audit = self._told(step, "client_created", client)
                await self.store.add_client(client, audit=audit)
            case Client() as before, Client() as client:
                await self._change_client(step, before, client)
            case Client() as client, None:
                await self._delete_client(step, client)
            case _:
                await self._credential(step)

    async def _free_audiences(self) -> None:
        """Have an audience belong to nobody before it goes over to another API."""
        while self._contested:
            name, api = self._contested.popitem()
            moved = replace(api, audience=f"urn:tokenbooth:leaving:{api.name}")
            await self.store.replace_api(moved, seen=api)
            self._seen[name] = moved

    async def _account(self, step: Step, account: Account) -> None:
        audit = self._told(step, "account_created" if step.before is None else "account_changed")
        if isinstance(step.before, Account):
            await self.store.replace_account(account, seen=step.before, audit=audit)
        else:
            await self.store.add_account(account, audit=audit)

    async def _issuer(self, step: Step, issuer: Issuer) -> None:
        audit = self._told(step, "issuer_created" if step.before is None else "issuer_changed")
        if isinstance(step.before, Issuer):
            await self.store.replace_issuer(issuer, seen=step.before, audit=audit)
        else:
            booth = self._booth
            keys = new_issuer_keys(issuer, booth.vault, booth.clock.now())
            await self.store.add_issuer(issuer, keys, audit=audit)

    async def _api(self, step: Step, api: Api) -> None:
        audit = self._told(step, "api_created" if step.before is None else "api_changed")
        if isinstance(step.before, Api):
            seen = self._seen.get((api.issuer, api.name), step.before)
            await self.store.replace_api(api, seen=seen, audit=audit)
        else:
            await self.store.add_api(api, audit=audit)

    async def _change_client(self, step: Step, before: Client, client: Client) -> None:
        await check_bounds(self._booth, before, client)
        now = self._booth.clock.now()
        audit = self._told(step, "client_changed", client)
        if client.enabled != before.enabled:
            switched: EventType = "client_enabled" if client.enabled else "client_disabled"
            audit += self._told(step, switched, client)
        ends = before.enabled and not client.enabled
        await self.store.replace_client(
            replace(client, updated_at=now),
            seen=before,
            revoking=[revocations.of_stopped_client(client, now)] if ends else [],
            audit=audit,
        )

    async def _delete_client(self, step: Step, client: Client) -> None:
        require_no_less(self._booth, client)
        now = self._booth.clock.now()
        await self.store.delete_client(
            client.issuer,
            client.client_id,
            seen=client,
            revoking=[
                revocations.of_stopped_client(client, now),
                *revocations.of_removed_credentials(step.credentials, now),
            ],
            audit=self._told(step, "client_deleted", client),
        )

    async def _credential(self, step: Step) -> None:
        if step.client is not None:
            require_no_less(self._booth, step.client)
        match step.before, step.after:
            case Credential() as before, Credential() as changed:
                audit = self._told(step, "credential_changed", subject=before.id)
                await self.store.replace_credential(changed, seen=before, audit=audit)
            case Credential() as before, _:
                audit = self._told(step, "credential_removed", subject=before.id)
                await self.store.delete_credential(
                    before.issuer, before.client_id, before.id, seen=before, audit=audit
                )
            case _, WantedCredential() as wanted:
                made = self._made(step, wanted)
                audit = self._told(step, "credential_added", subject=made.id)
                await self.store.add_credential(made, audit=audit)

    def _made(self, step: Step, wanted: WantedCredential) -> Credential:
        return Credential(
            id=wanted.id or new_credential_id(),
            issuer=step.issuer or "",
            client_id=step.client_id or "",
            kind=wanted.kind,
            data=wanted.data,
            label=wanted.label or "",
            hint=wanted.hint,
            created_at=self._booth.clock.now(),
            expires_at=wanted.expires_at,
        )

    def _told(
        self,
        step: Step,
        type_: EventType,
        client: Client | None = None,
        *,
        subject: str | None = None,
    ) -> list[Event]:
        before = self._applied
        self._applied = []
        owner = client or step.client
        is_clients = step.kind in ("client", "credential")
        event = self._booth.event(
            type_,
            account=owner.account if owner is not None else None,
            issuer=step.issuer,
            client_id=(step.client_id or step.name) if is_clients else None,
            subject=subject or (None if is_clients else step.name),
            changes={each.field: [each.old, each.new] for each in step.differences},
        )
        return [*before, event]
