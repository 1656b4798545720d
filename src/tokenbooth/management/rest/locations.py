"""Where a thing that was just made is found (RFC 9110 §10.2.2)."""

from urllib.parse import quote, urlencode

from fastapi import Response

from tokenbooth.management.rest.rights import PATH


def located(response: Response, *parts: str, issuer: str | None = None) -> None:
    """Name the new thing's path in the answer; `issuer` where its name alone is not enough."""
    path = "/".join(quote(part, safe="") for part in parts)
    query = "" if issuer is None else "?" + urlencode({"issuer": issuer})
    response.headers["Location"] = f"{PATH}/{path}{query}"
