"""Python: with our client, and with requests alone."""

from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import in_double_quotes
from tokenbooth.management.instructions.snippet import LeftOut, Snippet
from tokenbooth.management.instructions.template import fill

OURS, PLAIN = "python", "python-requests"
_TITLES = {OURS: "Python", PLAIN: "Python with requests alone"}

_WITH_SOURCE = """\
import os

import httpx2
from tokenbooth.client import TokenSource

# Make one for the whole program: it keeps the token, and renews it before it ends.
source = TokenSource(
    issuer=<<issuer>>,
    client_id=<<client_id>>,
    <<arguments>>
)

with httpx2.Client(auth=source.auth<<verify>>) as api:
    answer = api.get(os.environ.get("API_URL", <<api>>))
    answer.raise_for_status()
    print(answer.text)
"""

_WITH_REQUESTS = """\
import os
import threading
import time

import requests

TOKEN_URL = <<token_endpoint>>
CLIENT_ID = <<client_id>>
<<prove>>

_lock = threading.Lock()
_token, _renew_at = "", 0.0


def token() -> str:
    \"\"\"Return a valid token: the one at hand, until <<margin>> seconds before it ends.\"\"\"
    global _token, _renew_at
    with _lock:
        if time.monotonic() >= _renew_at:
            asked_at = time.monotonic()
            answer = requests.post(
                TOKEN_URL,
                data={
                    <<form>>
                },
                <<proof>>
                timeout=10,
            )
            if answer.status_code != 200:
                raise RuntimeError(f"No token: {answer.status_code} {answer.text}")
            members = answer.json()
            _token = members[<<access_token>>]
            _renew_at = asked_at + members[<<expires_in>>] - <<margin>>
        return _token


answer = requests.get(
    os.environ.get("API_URL", <<api>>),
    headers={"Authorization": f"Bearer {token()}"},
    <<certificate>>
    timeout=10,
)
answer.raise_for_status()
print(answer.text)
"""


def write(facts: Facts) -> tuple[Snippet | LeftOut, ...]:
    """Return both, or why there is one alone."""
    first = Snippet(
        id=OURS,
        title=_TITLES[OURS],
        language="python",
        filename="call_api.py",
        text=_with_source(facts),
        needs=("Python 3.11", "pip install tokenbooth"),
        secret_from=_secret_from(facts),
    )
    reason = _why_not_plain(facts)
    if reason:
        return (first, LeftOut(id=PLAIN, title=_TITLES[PLAIN], reason=reason))
    second = Snippet(
        id=PLAIN,
        title=_TITLES[PLAIN],
        language="python",
        filename="call_api.py",
        text=_with_requests(facts),
        needs=("Python 3", "pip install requests"),
        secret_from=_secret_from(facts),
    )
    return (first, second)


def _secret_from(facts: Facts) -> str:
    return "The environment variable CLIENT_SECRET." if facts.has_secret else ""


def _why_not_plain(facts: Facts) -> str:
    if facts.is_dpop_bound:
        return "Its tokens are bound to a key (DPoP), which takes a library: use tokenbooth."
    if facts.proof == "private_key":
        return "It signs a JWT for each token request, which takes a library: use tokenbooth."
    return ""


def _with_source(facts: Facts) -> str:
    arguments = {
        "basic": ['secret="env:CLIENT_SECRET",'],
        "body": ['secret="env:CLIENT_SECRET",'],
        "private_key": ['private_key="file:signing-key.pem",'],
        "certificate": [],
        "workload": [
            'assertion="file:" + os.environ.get("ASSERTION_FILE", "/var/run/secrets/tokens/token"),'
        ],
    }[facts.proof]
    if facts.shows_certificate:
        arguments.append('certificate=("client-cert.pem", "client-key.pem"),')
    if facts.has_secret and facts.proof != facts.dialect.client.auth:
        arguments.append(f"auth_method={in_double_quotes(facts.proof)},")
    if facts.scope:
        arguments.append(f"scope={in_double_quotes(facts.scope)},")
    if facts.resource is not None:
        arguments.append(f"resource={in_double_quotes(facts.resource)},")
    if facts.own_dialect is not None:
        name = facts.own_dialect
        if facts.is_dialect_built_in:
            arguments.append(f"dialect={in_double_quotes(name)},")
        else:
            arguments.append(f'dialect="{name}.toml",  # the file that the service uses itself')
    if facts.is_dpop_bound:
        arguments.append("dpop=True,")
    return fill(
        _WITH_SOURCE,
        issuer=in_double_quotes(facts.issuer_url),
        client_id=in_double_quotes(facts.client_id),
        arguments="\n".join(arguments),
        verify=", verify=source.tls_context()" if facts.is_certificate_bound else "",
        api=in_double_quotes(facts.api_url),
    )


def _with_requests(facts: Facts) -> str:
    form = [f"{in_double_quotes(name)}: {in_double_quotes(value)}," for name, value in facts.form]
    proof, prove = [], []
    if facts.has_secret:
        prove.append('CLIENT_SECRET = os.environ["CLIENT_SECRET"]')
    if facts.proof == "basic":
        proof.append("auth=(CLIENT_ID, CLIENT_SECRET),")
    else:
        form.append('"client_id": CLIENT_ID,')
    if facts.proof == "body":
        form.append('"client_secret": CLIENT_SECRET,')
    if facts.proof == "workload":
        # Read for each request: platforms renew it.
        kind = "jwt-spiffe" if facts.is_spiffe else "jwt-bearer"
        prove.append(
            'ASSERTION_FILE = os.environ.get("ASSERTION_FILE", "/var/run/secrets/tokens/token")'
        )
        form += [
            f'"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:{kind}",',
            '"client_assertion": open(ASSERTION_FILE).read().strip(),',
        ]
    if facts.shows_certificate:
        prove.append('CERTIFICATE = ("client-cert.pem", "client-key.pem")')
        proof.append("cert=CERTIFICATE,")
    return fill(
        _WITH_REQUESTS,
        token_endpoint=in_double_quotes(facts.token_endpoint),
        client_id=in_double_quotes(facts.client_id),
        prove="\n".join(prove),
        form="\n".join(form),
        proof="\n".join(proof),
        access_token=in_double_quotes(facts.dialect.answer.access_token),
        expires_in=in_double_quotes(facts.dialect.answer.expires_in),
        margin=str(facts.margin),
        certificate="cert=CERTIFICATE," if facts.is_certificate_bound else "",
        api=in_double_quotes(facts.api_url),
    )
