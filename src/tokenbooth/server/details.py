"""May this client have a token for exactly these details? (RFC 9396 §3, §5)."""

from dataclasses import replace

from tokenbooth.protocol.authorization_details import Details, DetailType, check_detail
from tokenbooth.protocol.errors import InvalidAuthorizationDetails
from tokenbooth.protocol.messages import TokenRequest
from tokenbooth.protocol.scope import NO_SCOPE, Scope
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision, check_grant
from tokenbooth.server.policy import decide as decide_by_policy
from tokenbooth.server.records import Api, Client


def decide(request: TokenRequest, caller: AuthenticatedClient, issuer: IssuerView) -> Decision:
    """Decide by the client's policy, details included; raises OAuthError.

    Who says exactly what the token is for gets no scope that was not asked for.
    """
    if not request.details:
        return decide_by_policy(request, caller, issuer)
    check_grant(request, caller.client)
    resources = request.resources or _resources(request.details, caller.client, issuer)
    decision = decide_by_policy(replace(request, resources=resources), caller, issuer)
    check_details(request.details, caller.client, issuer, decision.audience)
    asked = request.scope - Scope(issuer.dialect.tolerated_scopes)
    return replace(
        decision, scope=decision.scope if asked else NO_SCOPE, authorization_details=request.details
    )


def check_details(
    details: Details, client: Client, issuer: IssuerView, audience: tuple[str, ...]
) -> None:
    """Refuse a detail that no API of `audience` has for this client."""
    targets = [issuer.api_by_audience[each] for each in audience]
    kinds = _kinds(targets, client)
    for detail in details:
        found = kinds.get(detail["type"])
        if found is None:
            raise InvalidAuthorizationDetails(
                f"This client may not ask for details of that type here. "
                f"It may ask for: {' '.join(kinds) or 'none'}"
            )
        kind, api = found
        check_detail(detail, kind, audience=api.audience)


def _resources(details: Details, client: Client, issuer: IssuerView) -> tuple[str, ...]:
    """Without a resource: the APIs that have the types, so none where no type is known."""
    apis = [issuer.apis[each.api] for each in client.access if each.api in issuer.apis]
    kinds = _kinds(apis, client)
    found = [kinds[each["type"]] for each in details if each["type"] in kinds]
    return tuple(dict.fromkeys(api.audience for _, api in found))


def _kinds(apis: list[Api], client: Client) -> dict[str, tuple[DetailType, Api]]:
    """The types that the client may ask for; of two APIs with one type, the first counts."""
    return {
        kind.type: (kind, api)
        for api in reversed(apis)
        for kind in api.policy.authorization_details
        if kind.type in client.policy.authorization_details
    }
