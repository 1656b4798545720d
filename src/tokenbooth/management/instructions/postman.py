"""Postman: a collection (format v2.1) without any secret, and the environment that takes it."""

import json
import uuid
from typing import Any

from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import in_javascript
from tokenbooth.management.instructions.snippet import LeftOut, Snippet

COLLECTION, ENVIRONMENT = "postman", "postman-environment"
_TITLES = {COLLECTION: "Postman collection", ENVIRONMENT: "Postman environment"}

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_OURS = uuid.UUID("8a0e4ff4-9d1e-5b06-8f3a-0d6f0d9f7c11")

# Runs before every call of the API. The token stays in the environment, of which Postman exports
# no current values, and never in the collection, which people pass on.
_GET_TOKEN = """\
const renewAt = Number(pm.environment.get("renew_at") || 0);
if (Date.now() >= renewAt) {
    const secret = pm.environment.get("client_secret");
    if (!secret) {
        throw new Error("Choose the environment of this client, and fill in its client_secret.");
    }
    const form = FORM.map(([key, value]) => ({ key, value: pm.variables.replaceIn(value) }));
    const header = { "Content-Type": "application/x-www-form-urlencoded" };
    if (BASIC) {
        const encoded = [pm.variables.get("client_id"), secret].map(encodeURIComponent).join(":");
        header.Authorization = "Basic " + btoa(encoded);
    } else {
        form.push({ key: "client_id", value: pm.variables.get("client_id") });
        form.push({ key: "client_secret", value: secret });
    }
    pm.sendRequest({
        url: pm.variables.get("token_url"),
        method: "POST",
        header,
        body: { mode: "urlencoded", urlencoded: form },
    }, (failure, answer) => {
        if (failure || answer.code !== 200) {
            throw new Error("No token: " + (failure || answer.text()));
        }
        const members = answer.json();
        pm.environment.set("access_token", members[ACCESS_TOKEN]);
        pm.environment.set("renew_at", Date.now() + (members[EXPIRES_IN] - MARGIN) * 1000);
    });
}
"""

_CHECK_TOKEN = """\
pm.test("a token is given", () => {
    pm.response.to.have.status(200);
    pm.expect(pm.response.json()[ACCESS_TOKEN]).to.be.a("string").and.not.empty;
});
if (pm.response.code === 200) {
    const members = pm.response.json();
    pm.environment.set("access_token", members[ACCESS_TOKEN]);
    pm.environment.set("renew_at", Date.now() + (members[EXPIRES_IN] - MARGIN) * 1000);
}
"""

_CHECK_API = """\
pm.test("the API answers 200", () => pm.response.to.have.status(200));
"""


def write(facts: Facts) -> tuple[Snippet | LeftOut, ...]:
    """Return both, or why there is none."""
    if not facts.has_secret or facts.is_dpop_bound or facts.shows_certificate:
        reason = "This collection authenticates with a secret alone."
        return tuple(LeftOut(id=each, title=_TITLES[each], reason=reason) for each in _TITLES)
    return (
        _snippet(COLLECTION, "api.postman_collection.json", _collection(facts)),
        _snippet(ENVIRONMENT, "api.postman_environment.json", _environment(facts)),
    )


def _snippet(format_id: str, filename: str, document: dict[str, Any]) -> Snippet:
    return Snippet(
        id=format_id,
        title=_TITLES[format_id],
        language="json",
        filename=filename,
        text=json.dumps(document, indent=2) + "\n",
        needs=("Postman, or Newman",),
        secret_from="client_secret of the environment: its current value, which stays with you.",
    )


def _collection(facts: Facts) -> dict[str, Any]:
    title = f"{facts.client_id} at {facts.issuer_url}"
    # The names of the form are ours; the values come out of variables, for people to change.
    values = {"scope": facts.scope, "resource": facts.resource or ""}
    used = {name: value for name, value in values.items() if value}
    return {
        "info": {
            "_postman_id": _id(facts, COLLECTION),
            "name": title,
            "description": (
                "Import the environment of this client as well, choose it, and put the secret "
                "into the current value of its client_secret. A token is got before the first "
                "call and kept until shortly before its end."
            ),
            "schema": _SCHEMA,
        },
        "item": [
            {"name": "Token", "item": [_token_request(facts, used)]},
            {
                "name": "API",
                "event": [_event("prerequest", facts, _GET_TOKEN, used)],
                "item": [_api_request(facts)],
            },
        ],
        "variable": [
            {"key": "token_url", "value": facts.token_endpoint},
            {"key": "client_id", "value": facts.client_id},
            *({"key": name, "value": value} for name, value in used.items()),
            {"key": "api_url", "value": facts.api_url},
        ],
    }


def _token_request(facts: Facts, used: dict[str, str]) -> dict[str, Any]:
    form = [("grant_type", "client_credentials"), *((name, _variable(name)) for name in used)]
    auth: dict[str, Any] = {"type": "noauth"}
    if facts.proof == "basic":
        credentials = {"username": _variable("client_id"), "password": _variable("client_secret")}
        auth = {
            "type": "basic",
            "basic": [
                {"key": name, "value": value, "type": "string"}
                for name, value in credentials.items()
            ],
        }
    else:
        form += [(name, _variable(name)) for name in ("client_id", "client_secret")]
    return {
        "name": "Get a token",
        "event": [_event("test", facts, _CHECK_TOKEN, used)],
        "request": {
            "method": "POST",
            "auth": auth,
            "header": [],
            "body": {
                "mode": "urlencoded",
                "urlencoded": [{"key": name, "value": value} for name, value in form],
            },
            "url": _variable("token_url"),
        },
    }


def _api_request(facts: Facts) -> dict[str, Any]:
    token = {"key": "token", "value": _variable("access_token"), "type": "string"}
    return {
        "name": "Call the API",
        "event": [_event("test", facts, _CHECK_API, {})],
        "request": {
            "method": "GET",
            "auth": {"type": "bearer", "bearer": [token]},
            "header": [],
            "url": _variable("api_url"),
        },
    }


def _event(listen: str, facts: Facts, script: str, used: dict[str, str]) -> dict[str, Any]:
    form = [["grant_type", "client_credentials"], *([name, _variable(name)] for name in used)]
    answer = facts.dialect.answer
    constants = {
        "FORM": json.dumps(form),
        "BASIC": "true" if facts.proof == "basic" else "false",
        "ACCESS_TOKEN": in_javascript(answer.access_token),
        "EXPIRES_IN": in_javascript(answer.expires_in),
        "MARGIN": str(facts.margin),
    }
    lines = [f"const {name} = {value};" for name, value in constants.items() if name in script]
    text = "\n".join([*lines, script.rstrip("\n")])
    return {"listen": listen, "script": {"type": "text/javascript", "exec": text.split("\n")}}


def _environment(facts: Facts) -> dict[str, Any]:
    secrets = ("client_secret", "access_token")
    values = [{"key": name, "value": "", "type": "secret", "enabled": True} for name in secrets]
    values.append({"key": "renew_at", "value": "", "type": "default", "enabled": True})
    return {
        "id": _id(facts, ENVIRONMENT),
        "name": f"{facts.client_id} at {facts.issuer_url}",
        "values": values,
        "_postman_variable_scope": "environment",
    }


def _id(facts: Facts, what: str) -> str:
    """The same for the same client, so that a second import replaces the first."""
    return str(uuid.uuid5(_OURS, f"{what} {facts.issuer_url} {facts.client_id}"))


def _variable(name: str) -> str:
    return "{{" + name + "}}"
