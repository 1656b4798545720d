"""What the management API answers instead of data: problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:tokenbooth:problem:"

# What each status means here, for the OpenAPI document.
MEANINGS = {
    400: "The body is not JSON, or the request holds several tokens.",
    401: "There is no token, or no good one (RFC 6750).",
    403: "The token lacks a scope (RFC 6750).",
    404: "There is nothing of that name.",
    405: "The resource takes other methods.",
    408: "The body came too slowly.",
    409: "The name is taken, something else refers to it, or its state does not allow it.",
    412: "Somebody else changed it since that version.",
    413: "The body is too large.",
    415: "The body is not sent as application/json.",
    422: "A value cannot be used.",
    500: "A fault of the service.",
    503: "The service cannot do it now.",
}

SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "description": "Problem details (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "The last part of the type."},
        "detail": {"type": "string", "description": "What to do about it."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail", "in"],
                "properties": {
                    "detail": {"type": "string"},
                    "in": {"type": "string", "enum": ["body", "query", "path", "header"]},
                    "pointer": {"type": "string", "description": "In the body (RFC 6901)."},
                    "name": {"type": "string", "description": "Of the parameter."},
                },
            },
        },
        "issuers": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Where a client of that id exists; name one of them.",
        },
    },
}


def problem(status: int, code: str, detail: str = "", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the members of a problem."""
    said = {"detail": detail} if detail else {}
    return {
        "type": TYPE + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        **said,
        **more,
    }


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these refusals, and of those that every operation has."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted({401, 403, 422, 500, 503, *statuses})
    }
