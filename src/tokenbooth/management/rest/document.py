"""The OpenAPI document: what FastAPI knows of the operations, and what they have in common."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tokenbooth.management.rest.conditions import IF_MATCH, IF_NONE_MATCH
from tokenbooth.management.rest.idempotency import HEADER
from tokenbooth.management.rest.problems import SCHEMA, responses
from tokenbooth.server.issuer_view import TOKEN_PATH

_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Your own name for this request, like a UUID: sent again with it within a day, "
    "it is not done again, and gets the first answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_ETAG = {"ETag": {"description": "Its version, for If-Match.", "schema": {"type": "string"}}}


def document_of(app: FastAPI, base_url: str) -> dict[str, Any]:
    """Return the document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        description=app.description,
        routes=app.routes,
        servers=app.servers,
    )
    components = document["components"]
    components["schemas"]["Problem"] = dict(SCHEMA)
    flows = components["securitySchemes"]["AccessToken"]["flows"]
    flows["clientCredentials"]["tokenUrl"] = base_url + TOKEN_PATH
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _complete(method, operation)
    return document


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Add the headers that work everywhere, and what they lead to."""
    parameters = operation.setdefault("parameters", [])
    answers = operation["responses"]
    if method == "post":
        parameters.append(_KEY)
        answers.setdefault("409", responses(409)[409])
    named = {each["name"] for each in parameters if each["in"] == "header"}
    if IF_NONE_MATCH in named:
        answers["304"] = {"description": "It is as the caller knows it.", "headers": _ETAG}
    if IF_MATCH in named:
        answers["412"] = responses(412)[412]
    if named & {IF_MATCH, IF_NONE_MATCH} and "200" in answers:
        answers["200"]["headers"] = _ETAG
