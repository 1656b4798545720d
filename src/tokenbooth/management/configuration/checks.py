"""Refuse a plan that cannot be: each thing that is made or changed is looked at as it shall be.

What stays as it is, is not looked at: it may be older than a rule.
"""

from collections.abc import Callable, Iterator, Mapping

from tokenbooth.management.addresses import issuer_url
from tokenbooth.management.clients.limits import check_limits
from tokenbooth.management.clients.proofs import AUTH_METHODS
from tokenbooth.management.configuration.plan import Plan, Step
from tokenbooth.management.configuration.reading import Mistakes, Place
from tokenbooth.management.configuration.wanted import (
    Name,
    State,
    Wanted,
    WantedClient,
    WantedCredential,
)
from tokenbooth.management.errors import BadInput, no_such
from tokenbooth.management.names import (
    check_account_name,
    check_api_name,
    check_client_id,
    check_issuer_name,
    check_text,
)
from tokenbooth.management.service.apis import check_api_policy, check_audience, read_scope
from tokenbooth.management.service.issuers import (
    LONGEST_REFRESH,
    LONGEST_TOKEN,
    check_lifetime,
    check_profile,
)
from tokenbooth.management.service.keys import check_schedule
from tokenbooth.protocol.custom_claims import ClaimsRefused, check_claims
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import Account, Api, ApiAccess, Client, Issuer
from tokenbooth.server.settings import issuer_url_mistakes


def check_plan(booth: Booth, plan: Plan, wanted: Wanted, state: State) -> None:
    """Raise BadInput with everything that cannot be."""
    mistakes = Mistakes()
    for step, text in faults(booth, plan, wanted, state):
        place = _place(step, wanted)
        if place is None:
            mistakes.add_of_all(text)
        else:
            mistakes.add(place, text)
    mistakes.refuse()


def faults(booth: Booth, plan: Plan, wanted: Wanted, state: State) -> list[tuple[Step, str]]:
    """Return which steps cannot be, and why."""
    checks = _Checks(booth, plan, wanted, state)
    found = []
    for step in plan.steps:
        for check in checks.of(step):
            try:
                check()
            except BadInput as error:
                found.append((step, str(error)))
    return found


def _place(step: Step, wanted: Wanted) -> Place | None:
    if isinstance(step.after, WantedCredential):
        return step.after.place
    name = step.client_id or step.name
    key = (step.kind, name) if step.issuer is None else (step.kind, step.issuer, name)
    return wanted.places.get(key)


class _Checks:
    """What is asked of each step, with all that will be there afterwards."""

    def __init__(self, booth: Booth, plan: Plan, wanted: Wanted, state: State) -> None:
        self._booth = booth
        self._issuers = {**state.issuers, **wanted.issuers}
        self._accounts = {**state.accounts, **wanted.accounts}
        gone = {(s.kind, s.issuer, s.name) for s in plan.steps if s.action == "delete"}
        self._apis: dict[Name, Api] = {
            pair: api
            for pair, api in {**state.apis, **wanted.apis}.items()
            if ("api", *pair) not in gone
        }
        self._clients: dict[Name, Client] = {
            pair: registered.client
            for pair, registered in state.clients.items()
            if ("client", *pair) not in gone
        } | {pair: client.client for pair, client in wanted.clients.items()}
        self._taken = state.taken
        self._wanted: Mapping[Name, WantedClient] = wanted.clients

    def of(self, step: Step) -> Iterator[Callable[[], None]]:
        after = step.after
        if step.action == "delete":
            if isinstance(step.before, Api):
                api = step.before
                yield lambda: self._unused(api)
            return
        is_new = step.action == "create"
        match after:
            case Account():
                yield lambda: self._account(after, is_new=is_new)
            case Issuer():
                yield lambda: self._issuer(after, is_new=is_new)
            case Api():
                yield lambda: self._api(after, is_new=is_new)
            case Client():
                yield lambda: self._client(after, is_new=is_new)
                yield lambda: self._policy(after)
                yield lambda: self._ties(after)
                yield lambda: self._details(after)
            case WantedCredential():
                yield lambda: self._credential(after, step)
            case _:
                return

    def _account(self, account: Account, *, is_new: bool) -> None:
        check_text("title", account.title)
        if is_new:
            check_account_name(account.name)
            # Both appear as a token's subject: one must never pass for the other.
            if account.name in self._taken or any(name == account.name for _, name in self._wanted):
                raise BadInput(f"A client has the id {account.name!r}; choose another name.")

    def _issuer(self, issuer: Issuer, *, is_new: bool) -> None:
        booth = self._booth
        if is_new:
            paths = tuple(known.token_path for known in booth.dialects.values())
            check_issuer_name(issuer.name, dialect_paths=paths)
        if issuer.alg not in SIGNING_ALGORITHMS:
            raise BadInput(f"The algorithm is one of {', '.join(SIGNING_ALGORITHMS)}.")
        if issuer.url is not None and (mistakes := issuer_url_mistakes(issuer.url)):
            raise BadInput(f"The issuer URL cannot be used: {'; '.join(mistakes)}.")
        check_profile(issuer)
        check_lifetime("token", issuer.token_lifetime, LONGEST_TOKEN)
        check_lifetime("refresh token", issuer.refresh_lifetime, LONGEST_REFRESH)
        check_schedule(issuer.policy)
        for url in issuer.policy.distrusted_issuers:
            check_text("issuer URL", url)
        own = issuer_url(booth, issuer)
        for other in self._issuers.values():
            if other.name != issuer.name and issuer_url(booth, other) == own:
                raise BadInput(f"The URL {own} belongs to the issuer {other.name!r} too.")

    def _api(self, api: Api, *, is_new: bool) -> None:
        if is_new:
            check_api_name(api.name)
        check_audience(api.audience)
        for scope in api.scopes:
            if read_scope(scope.name).names != (scope.name,):
                raise BadInput(f"{scope.name!r} is not one scope.")
            check_text("description of a scope", scope.description)
        check_api_policy(api.policy)
        for other in self._apis.values():
            same = (other.issuer, other.audience) == (api.issuer, api.audience)
            if same and other.name != api.name:
                raise BadInput(f"The audience belongs to the API {other.name!r} too.")

    def _unused(self, api: Api) -> None:
        for client in self._clients.values():
            if client.issuer != api.issuer:
                continue
            ties = (*(each.api for each in client.access), *client.resource_server_for)
            if api.name in ties:
                raise BadInput(
                    f"The API {api.name!r} is in no file and would be deleted, but the client "
                    f"{client.client_id!r} uses it. Name the API, or take it from the client."
                )

    def _client(self, client: Client, *, is_new: bool) -> None:
        if is_new:
            check_client_id(client.client_id)
            if client.client_id in self._accounts:
                raise BadInput(
                    f"An account has the name {client.client_id!r}; give the client another id."
                )
        check_text("name", client.name)
        check_text("description", client.policy.description)
        if client.token_lifetime is not None:
            check_lifetime("token", client.token_lifetime, LONGEST_TOKEN)
        for method in client.auth_methods:
            if method not in AUTH_METHODS:
                raise BadInput(no_such("way to authenticate", method, AUTH_METHODS))
            wrong = profile_of(self._issuers[client.issuer]).what_is_wrong_with_method(method)
            if wrong is not None:
                raise BadInput(wrong)
        if not client.auth_methods or not client.grant_types:
            raise BadInput("Name at least one way to authenticate, and one grant; or leave it out.")

    def _policy(self, client: Client) -> None:
        check_limits(client.policy)
        try:
            check_claims(client.policy.claims)
        except ClaimsRefused as error:
            raise BadInput(str(error)) from error

    def _ties(self, client: Client) -> None:
        if not client.access and not client.resource_server_for:
            raise BadInput("Name at least one API, in access or resource_server_for.")
        own = {name: api for (issuer, name), api in self._apis.items() if issuer == client.issuer}
        where = f" at the issuer {client.issuer!r}"
        named = [each.api for each in client.access]
        for api in (*named, *client.resource_server_for, *client.policy.exchanges):
            if api not in own:
                raise BadInput(no_such("API", api, sorted(own), where=where))
        if len(set(named)) != len(named):
            raise BadInput("Each API is named once in access.")
        for each in client.access:
            _check_scopes(each, own[each.api])
        if client.account is not None and client.account not in self._accounts:
            raise BadInput(no_such("account", client.account, sorted(self._accounts)))

    def _details(self, client: Client) -> None:
        own = [api for (issuer, _), api in self._apis.items() if issuer == client.issuer]
        types = sorted({kind.type for api in own for kind in api.policy.authorization_details})
        for wanted in client.policy.authorization_details:
            if wanted not in types:
                where = f" at any API of the issuer {client.issuer!r}"
                raise BadInput(no_such("type of details", wanted, types, where=where))

    def _credential(self, credential: WantedCredential, step: Step) -> None:
        if credential.refusal is not None:
            raise BadInput(credential.refusal)
        issuer = self._issuers[step.issuer or ""]
        for method in credential.methods:
            wrong = profile_of(issuer).what_is_wrong_with_method(method)
            if wrong is not None:
                raise BadInput(wrong)
        is_past = credential.expires_at is not None and (
            credential.expires_at <= self._booth.clock.now()
        )
        if is_past:
            raise BadInput("This credential has expired already: leave it out.")


def _check_scopes(access: ApiAccess, api: Api) -> None:
    known = [scope.name for scope in api.scopes]
    for scope in access.scopes:
        if scope not in known:
            raise BadInput(no_such("scope", scope, known, where=f" of the API {api.name}"))
