"""Dynamic client registration (RFC 7591), and each client's own entry (RFC 7592)."""

from tokenbooth.protocol.bearer import bearer_token, read_authorization
from tokenbooth.protocol.errors import (
    BearerError,
    InvalidRequest,
    MethodNotAllowed,
    TemporarilyUnavailable,
)
from tokenbooth.protocol.registration import CONTENT_TYPE, ClientMetadata, read_client_metadata
from tokenbooth.protocol.secret import Secret
from tokenbooth.server import revocations
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit import EventType, event_by
from tokenbooth.server.audit_records import Event
from tokenbooth.server.endpoints.unusable import latest
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import REGISTRATION_PATH, IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.records import Client, RegisteredClient
from tokenbooth.server.registration import Registration, described, registered, updated
from tokenbooth.server.registration_tokens import RegistrationOffice, bad_token, spend_use
from tokenbooth.server.service import Service
from tokenbooth.server.stores.contract import NotFound, Stale
from tokenbooth.server.wire import NO_STORE, send_json


async def registration(
    exchange: Exchange, issuer: IssuerView, service: Service, outcome: Outcome
) -> None:
    """Register one client; raises OAuthError for the router to answer."""
    if exchange.method != "POST":
        raise MethodNotAllowed("A client registers with POST.")
    now = service.clock.now()
    # First: a stranger costs no look into the store.
    token = RegistrationOffice(service.secrets).open_initial(
        _token(exchange), issuer=issuer.name, now=now
    )
    issuer = await latest(issuer, service)
    wanted = await _metadata(exchange, service)
    made = registered(wanted, token, issuer, service.secrets, now=now)
    # Last: a mistake in the metadata does not use the token up.
    await spend_use(token, service.store, now)
    trail = _Trail(exchange, outcome, made.client, now)
    created = trail.event(
        "client_created", registration=token.id, credentials=[each.id for each in made.credentials]
    )
    await service.store.add_client(made.client, made.credentials, audit=[created])
    outcome.answered("registered", client_id=made.client.client_id, initial_token=token.id)
    await _answer(exchange, made, issuer, service, status=201)


async def registered_client(
    exchange: Exchange, issuer: IssuerView, service: Service, outcome: Outcome
) -> None:
    """Show, replace or delete the client that the token is for; raises OAuthError."""
    if exchange.method not in ("GET", "PUT", "DELETE"):
        raise MethodNotAllowed("A client's entry takes GET, PUT and DELETE.", allow=_ALLOWED)
    current = await _own_entry(exchange, issuer, service)
    issuer = await latest(issuer, service)
    outcome.answered(_DONE[exchange.method], client_id=current.client.client_id)
    trail = _Trail(exchange, outcome, current.client, service.clock.now())
    if exchange.method == "DELETE":
        await _delete(current, service, trail)
        await exchange.answer(204, b"", b"application/json", (NO_STORE,))
        return
    entry = Registration(client=current.client, credentials=current.credentials, secret=None)
    if exchange.method == "PUT":
        wanted = await _metadata(exchange, service)
        now = service.clock.now()
        entry = updated(wanted, current, issuer, service.secrets, now=now)
        await _replace(current, entry, service, trail)
    await _answer(exchange, entry, issuer, service, status=200)


_ALLOWED = "GET, PUT, DELETE"
_DONE = {"GET": "shown", "PUT": "updated", "DELETE": "deleted"}


def _token(exchange: Exchange) -> Secret:
    try:
        scheme, rest = read_authorization(exchange.headers(b"authorization"))
        if scheme == "bearer":
            return Secret(bearer_token(rest))
    except BearerError as refused:
        raise bad_token(refused.reason) from refused
    raise bad_token("no_bearer_token")


async def _own_entry(exchange: Exchange, issuer: IssuerView, service: Service) -> RegisteredClient:
    """Return the client in the path if the token is its own: one refusal for all that is not."""
    client_id = exchange.path.rpartition("/")[2]
    registration = RegistrationOffice(service.secrets).open_of_client(
        _token(exchange), issuer=issuer.name, client_id=client_id
    )
    # Not from memory: a client that another node deleted a moment ago is no more.
    current = await service.store.get_client(issuer.name, client_id)
    if current is None or current.client.policy.registration != registration:
        raise bad_token("unknown_client")  # it was deleted, and may be another one by now
    if not current.client.enabled:
        raise bad_token("client_disabled")
    return current


async def _metadata(exchange: Exchange, service: Service) -> ClientMetadata:
    content_type = (exchange.header(b"content-type") or "").partition(";")[0].strip().lower()
    if content_type != CONTENT_TYPE:
        raise InvalidRequest(
            f"Send the client's metadata as {CONTENT_TYPE}.", reason="wrong_content_type"
        )
    settings = service.settings
    body = await exchange.body(
        max_bytes=settings.max_body_bytes, seconds=settings.body_timeout_seconds
    )
    return read_client_metadata(body)


class _Trail:
    """Makes the events of one request: the client itself is who acts."""

    __slots__ = ("_actor", "_client", "_now")

    def __init__(self, exchange: Exchange, outcome: Outcome, client: Client, now: float) -> None:
        self._client = client
        self._now = now
        self._actor = Actor(
            kind="client",
            name=client.client_id,
            source=outcome.source,
            request_id=exchange.request_id,
        )

    def event(self, type_: EventType, *, subject: str | None = None, **details: object) -> Event:
        client = self._client
        return event_by(
            self._actor,
            type_,
            at=self._now,
            account=client.account,
            issuer=client.issuer,
            client_id=client.client_id,
            subject=subject,
            details=details,
        )


async def _replace(
    current: RegisteredClient, entry: Registration, service: Service, trail: _Trail
) -> None:
    client = entry.client
    before = {each.id for each in current.credentials}
    kept = {each.id for each in entry.credentials}
    # At once, or a client could be left without the credential that it was just told.
    change = service.store.together()
    changed = trail.event("client_changed", name=client.name, scope=_scope_of(client))
    await change.replace_client(client, seen=current.client, audit=[changed])
    for credential in entry.credentials:
        if credential.id not in before:
            added = trail.event("credential_added", subject=credential.id, kind=credential.kind)
            await change.add_credential(credential, audit=[added])
    for credential in current.credentials:
        # Certificates and federated identities are the operator's to give and to take.
        if credential.id not in kept and credential.kind in ("secret", "jwk"):
            # Its tokens live on, as when the operator removes one: a rotation must fail no call.
            removed = trail.event("credential_removed", subject=credential.id)
            await change.delete_credential(
                client.issuer, client.client_id, credential.id, audit=[removed]
            )
    try:
        await change.commit()
    except (NotFound, Stale) as error:
        raise _changed_meanwhile() from error


def _scope_of(client: Client) -> str:
    return " ".join(dict.fromkeys(name for each in client.access for name in each.scopes))


async def _delete(current: RegisteredClient, service: Service, trail: _Trail) -> None:
    client, now = current.client, service.clock.now()
    try:
        await service.store.delete_client(
            client.issuer,
            client.client_id,
            revoking=[
                revocations.of_stopped_client(client, now),
                *revocations.of_removed_credentials(current.credentials, now),
            ],
            audit=[trail.event("client_deleted")],
        )
    except NotFound as error:
        raise _changed_meanwhile() from error


def _changed_meanwhile() -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        "The client was changed or deleted at the same time; look at its entry and try again.",
        reason="changed_meanwhile",
    )


async def _answer(
    exchange: Exchange, entry: Registration, issuer: IssuerView, service: Service, *, status: int
) -> None:
    token = RegistrationOffice(service.secrets).of_client(entry.client)
    members = described(entry, issuer) | {
        "registration_access_token": token.reveal(),
        "registration_client_uri": f"{issuer.url}{REGISTRATION_PATH}/{entry.client.client_id}",
    }
    await send_json(exchange, members, status=status)
