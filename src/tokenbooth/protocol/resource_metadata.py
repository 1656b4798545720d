"""What a protected API says of itself, and where it says it (RFC 9728)."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from tokenbooth.protocol.errors import ProtocolError

WELL_KNOWN = "/.well-known/oauth-protected-resource"


class ResourceRefused(ProtocolError):
    """A resource whose metadata has no place; the text says why."""


def resource_metadata_url(resource: str) -> str:
    """Return where the metadata of `resource` is: the well-known part goes behind the host.

    RFC 9728 §3.1: a terminating slash is removed before it is inserted. Raises ResourceRefused.
    """
    try:
        parts = urlsplit(resource)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ResourceRefused("The resource is no URL.") from error
    if parts.scheme not in ("https", "http") or not host:
        raise ResourceRefused("Only an API whose audience is an https URL can publish metadata.")
    if "#" in resource or not resource.isascii() or not resource.isprintable() or " " in resource:
        raise ResourceRefused("The resource is a URL without a fragment (RFC 9728 §1.2).")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}{query}"


def resource_document(
    *,
    resource: str,
    issuer: str,
    scopes: Sequence[str] = (),
    name: str | None = None,
    dpop_algorithms: Sequence[str] = (),
    is_dpop_required: bool = False,
) -> dict[str, Any]:
    """Return the metadata of a guarded API (RFC 9728 §2)."""
    members: dict[str, Any] = {
        "resource": resource,  # identical, letter by letter (RFC 9728 §3.3)
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        # Published even when empty: some clients would ask for every scope of the issuer instead.
        "scopes_supported": list(scopes),
        "dpop_signing_alg_values_supported": list(dpop_algorithms),
        "dpop_bound_access_tokens_required": is_dpop_required,
    }
    if name is not None:
        members["resource_name"] = name
    return members
