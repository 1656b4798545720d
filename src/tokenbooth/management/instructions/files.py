"""Files that carry the configuration: .env and a Kubernetes Secret.

They alone hold the secret, and only right after it was made: it cannot be had again.
"""

import re

from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import in_double_quotes, in_env_file
from tokenbooth.management.instructions.snippet import Snippet
from tokenbooth.management.instructions.template import fill
from tokenbooth.protocol.secret import Secret

ENV, KUBERNETES = "env", "kubernetes"

_ENV = """\
# What the client needs to call the API. <<advice>>
<<lines>>
"""

_KUBERNETES = """\
# kubectl apply -f client-secret.yaml    <<advice>>
apiVersion: v1
kind: Secret
metadata:
  name: <<name>>
type: Opaque
stringData:
  <<lines>>
"""

_KEEP = "Keep this file out of Git: it holds the secret."
_FILL_IN = "Fill in CLIENT_SECRET, which is shown once, when it is made."
_NOTHING = "Nothing in it is secret."


def write(facts: Facts, secret: Secret | None) -> tuple[Snippet, ...]:
    """Return both; with the secret where it is given."""
    values = {
        "ISSUER": facts.issuer_url,
        "TOKEN_URL": facts.token_endpoint,
        "CLIENT_ID": facts.client_id,
        "SCOPE": facts.scope,
    }
    if facts.resource is not None:
        values["RESOURCE"] = facts.resource
    values["API_URL"] = facts.api_url
    advice = _NOTHING
    if facts.has_secret:
        values["CLIENT_SECRET"] = secret.reveal() if secret is not None else ""
        advice = _FILL_IN if secret is None else _KEEP
    given = secret is not None and facts.has_secret
    from_ = "" if not facts.has_secret else "In the file." if given else "You fill it in."
    env = fill(
        _ENV,
        advice=advice,
        lines="\n".join(f"{name}={_env_value(value)}" for name, value in values.items()),
    )
    kubernetes = fill(
        _KUBERNETES,
        advice=advice,
        name=resource_name(facts.client_id),
        lines="\n".join(f"{name}: {in_double_quotes(value)}" for name, value in values.items()),
    )
    return (
        Snippet(
            id=ENV,
            title=".env file",
            language="dotenv",
            filename=".env",
            text=env,
            needs=(),
            secret_from=from_,
            has_secret=given,
        ),
        Snippet(
            id=KUBERNETES,
            title="Kubernetes Secret",
            language="yaml",
            filename="client-secret.yaml",
            text=kubernetes,
            needs=("kubectl",),
            secret_from=from_,
            has_secret=given,
        ),
    )


def _env_value(value: str) -> str:
    return in_env_file(value) if value else ""


def resource_name(client_id: str) -> str:
    """A DNS label, as Kubernetes wants it."""
    name = re.sub(r"[^a-z0-9]+", "-", client_id.lower()).strip("-")[:50].strip("-")
    return f"{name or 'client'}-credentials"
