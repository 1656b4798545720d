"""Clients of the demo, as other people's libraries are told to prove that they are."""

from __future__ import annotations

import json
from typing import Any

from tests.end_to_end.service import Service
from tests.interop.javascript import Javascript
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.public_keys import read_keys

SECRET_METHODS = ("client_secret_basic", "client_secret_post")
KEY_ALGORITHMS = ("ES256", "PS256", "EdDSA")


def with_secret(service: Service, method: str, *apis: str, **wishes: Any) -> dict[str, str]:
    client = service.register(*(apis or ("demo",)), **wishes)
    return {"client_id": client.client_id, "method": method, "secret": client.secret}


def with_key(
    service: Service, javascript: Javascript, alg: str, *apis: str, **wishes: Any
) -> dict[str, str]:
    """Register a key that node made and keeps."""
    public = javascript("keys", "make", alg=alg)
    made = register_key(service, public, *apis, **wishes)
    return {"client_id": made, "method": "private_key_jwt", "kid": public["kid"]}


def register_key(service: Service, public: dict[str, Any], *apis: str, **wishes: Any) -> str:
    """Register a client by its public key, and return its id."""
    proofs = read_keys(json.dumps(public)).proofs
    made = service.manage(
        lambda booth: create_client(booth, apis=apis or ("demo",), proofs=proofs, **wishes)
    )
    return made.client.client_id
