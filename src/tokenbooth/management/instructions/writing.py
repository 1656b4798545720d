"""Write the instructions for one client: all formats, for exactly this deployment."""

from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.errors import BadInput
from tokenbooth.management.instructions import (
    curl,
    files,
    go,
    http_file,
    javascript,
    postman,
    python,
)
from tokenbooth.management.instructions.facts import AUTHENTICATION, gather_facts
from tokenbooth.management.instructions.snippet import Instructions, LeftOut, Snippet
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import Booth

# In the order in which people are shown them.
FORMATS = (
    curl.CURL,
    curl.REFRESH,
    curl.SCRIPT,
    python.OURS,
    python.PLAIN,
    javascript.ID,
    go.ID,
    postman.COLLECTION,
    postman.ENVIRONMENT,
    http_file.ID,
    files.ENV,
    files.KUBERNETES,
)


async def instructions_for(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    api: str | None = None,
    secret: Secret | None = None,
) -> Instructions:
    """Return how the client gets a token and calls `api`; None: its default API.

    `secret` is one that was just made, to be shown this once: it goes into the .env file and the
    Kubernetes Secret, and nowhere else. Raises Missing, Ambiguous, or BadInput for a client
    that gets no tokens for itself, or may call no API.
    """
    require(booth, "clients:read")
    registered = await find_client(booth, client_id, issuer=issuer)
    if CLIENT_CREDENTIALS not in registered.client.grant_types:
        raise BadInput(
            f"The client {client_id!r} may not use {CLIENT_CREDENTIALS}, which all of these do."
        )
    owner = await find_issuer(booth, registered.client.issuer)
    facts, chosen = await gather_facts(booth, owner, registered, api)
    written: list[Snippet | LeftOut] = []
    for language in (curl, python, javascript, go, postman, http_file):
        written += language.write(facts)
    written += files.write(facts, secret)
    written.sort(key=lambda each: FORMATS.index(each.id))
    return Instructions(
        client_id=registered.client.client_id,
        issuer=owner.name,
        issuer_url=facts.issuer_url,
        token_endpoint=facts.token_endpoint,
        api=chosen.name,
        audience=chosen.audience,
        scope=facts.scope,
        api_url=facts.api_url,
        is_api_url_example=facts.is_api_url_example,
        apis=tuple(each.api for each in registered.client.access),
        authentication=AUTHENTICATION[facts.proof],
        token_lifetime=facts.lifetime,
        refresh_lifetime=facts.refresh_lifetime,
        snippets=tuple(each for each in written if isinstance(each, Snippet)),
        left_out=tuple(each for each in written if isinstance(each, LeftOut)),
    )
