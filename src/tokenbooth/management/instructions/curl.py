"""cURL: a token and a call to paste, and a script that keeps the token until it ends."""

import hashlib

from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import in_form, in_shell
from tokenbooth.management.instructions.snippet import LeftOut, Snippet
from tokenbooth.management.instructions.template import fill
from tokenbooth.management.token_words import spoken

CURL, REFRESH, SCRIPT = "curl", "curl-refresh", "shell"
_TITLES = {
    CURL: "cURL",
    REFRESH: "cURL with a refresh token",
    SCRIPT: "Shell script that keeps its token",
}

_ASSERTION_TYPES = {
    False: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    True: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
}

_PASTED = """\
<<preparation>>

# 1. Get a token. It is good for <<lifetime>>: use it for every call until then.
TOKEN=$(<<request>> \\
  | jq -r '<<member>> // error(tojson)')

# 2. Call the API with it<<where>>.
curl -sS <<certificate>>-H "Authorization: Bearer $TOKEN" "${API_URL:-<<api>>}"
"""

_PASTED_OURS = """\
<<preparation>>

# 1. Get a token. It is good for <<lifetime>>: use it for every call until then.
TOKEN=$(<<request>>)

# 2. Call the API with it<<where>>.
curl -sS <<certificate>>-H "Authorization: Bearer $TOKEN" "${API_URL:-<<api>>}"
"""

_REFRESHED = """\
<<preparation>>

# 1. Get a token, and with it a refresh token, which is good for <<lifetime>>.
ANSWER=$(<<request>>)

# 2. When the token ends, renew it. Each refresh token works once: keep the new one.
REFRESH_TOKEN=$(printf %s "$ANSWER" | jq -r '<<refresh_token>> // error(tojson)')
ANSWER=$(<<renewal>>)
TOKEN=$(printf %s "$ANSWER" | jq -r '<<member>> // error(tojson)')

# 3. Call the API with it<<where>>.
curl -sS -H "Authorization: Bearer $TOKEN" "${API_URL:-<<api>>}"
"""

_SCRIPT = """\
#!/usr/bin/env bash
# Calls the API at the address given, with a token that is kept in a file of your own and
# renewed <<margin>> seconds before its end:  ./call-api.sh [ADDRESS]
set -euo pipefail
umask 077
<<preparation>>

cache="${XDG_CACHE_HOME:-$HOME/.cache}/<<cache>>"
mkdir -p "${cache%/*}"

get_token() {
  <<request>>
}

token() {
  local now answer
  now=$(date +%s)
  if ! jq -e --argjson now "$now" '.renew_at > $now' "$cache" >/dev/null 2>&1; then
    answer=$(get_token) || return 1
    printf %s "$answer" | jq --argjson now "$now" \\
      '{token: (<<member>> // error(tojson)), renew_at: ($now + <<expires_in>> - <<margin>>)}' \\
      >"$cache.$$" || { rm -f "$cache.$$"; return 1; }
    mv "$cache.$$" "$cache"
  fi
  jq -r .token "$cache"
}

token=$(token)
# From a pipe and not as an argument: every user of the machine can read those.
printf 'header = "Authorization: Bearer %s"\\n' "$token" \\
  | curl -sS <<certificate>>--config - "${1:-${API_URL:-<<api>>}}"
"""

_PREPARATIONS = {
    "secret": "# Type the secret in once:  read -rs CLIENT_SECRET && export CLIENT_SECRET\n"
    ': "${CLIENT_SECRET:?holds the secret of the client}"',
    "private_key": "# The file with the private key, PEM or JWK.\n"
    ': "${SIGNING_KEY_FILE:=signing-key.pem}"',
    "certificate": "# The files with the TLS certificate and its key, PEM.\n"
    ': "${CLIENT_CERT_FILE:=client-cert.pem}" "${CLIENT_KEY_FILE:=client-key.pem}"',
    "workload": "# The file in which the platform puts the token of this workload.\n"
    ': "${ASSERTION_FILE:=/var/run/secrets/tokens/token}"',
}
_CERTIFICATE = '--cert "$CLIENT_CERT_FILE" --key "$CLIENT_KEY_FILE" '


def write(facts: Facts) -> tuple[Snippet | LeftOut, ...]:
    """Return both, or why there is none."""
    if facts.is_dpop_bound:
        reason = "Its tokens are bound to a key (DPoP): every call needs a proof that cURL lacks."
        formats = (CURL, SCRIPT)
        return tuple(LeftOut(id=each, title=_TITLES[each], reason=reason) for each in formats)
    pasted = [_snippet(facts, CURL, "call-api.txt", _pasted(facts))]
    if facts.refresh_lifetime is not None and facts.has_secret and not facts.shows_certificate:
        refreshed = _refreshed(facts, facts.refresh_lifetime)
        pasted.append(_snippet(facts, REFRESH, "refresh.txt", refreshed))
    if facts.proof == "private_key":
        # tokenbooth keeps no token between two runs, and a shell cannot sign by itself.
        reason = "Signing takes more than a shell: use the cURL lines, or a programming language."
        return (*pasted, LeftOut(id=SCRIPT, title=_TITLES[SCRIPT], reason=reason))
    return (*pasted, _snippet(facts, SCRIPT, "call-api.sh", _script(facts)))


def _snippet(facts: Facts, format_id: str, filename: str, text: str) -> Snippet:
    tool = ("tokenbooth",) if facts.proof == "private_key" else ("jq",)
    return Snippet(
        id=format_id,
        title=_TITLES[format_id],
        language="bash",
        filename=filename,
        text=text,
        needs=("bash", "curl", *tool),
        secret_from="The environment variable CLIENT_SECRET." if facts.has_secret else "",
    )


def _pasted(facts: Facts) -> str:
    return fill(
        _PASTED_OURS if facts.proof == "private_key" else _PASTED,
        preparation=_preparation(facts),
        lifetime=spoken(facts.lifetime),
        request=_request(facts, indent="  "),
        member=_member(facts.dialect.answer.access_token),
        certificate=_CERTIFICATE if facts.is_certificate_bound else "",
        where="; put its address in" if facts.is_api_url_example else "",
        api=_within_double_quotes(facts.api_url),
    )


def _refreshed(facts: Facts, lifetime: int) -> str:
    answer = facts.dialect.answer
    renewing = [
        "--data-urlencode grant_type=refresh_token",
        '--data-urlencode refresh_token@<(printf %s "$REFRESH_TOKEN")',
    ]
    return fill(
        _REFRESHED,
        preparation=_preparation(facts),
        lifetime=spoken(lifetime),
        request=_request(facts, indent="  "),
        renewal=_request(facts, indent="  ", form=renewing),
        refresh_token=_member(answer.refresh_token),
        member=_member(answer.access_token),
        where="; put its address in" if facts.is_api_url_example else "",
        api=_within_double_quotes(facts.api_url),
    )


def _script(facts: Facts) -> str:
    # One file per client and request: another scope must not be answered with this token.
    about = "\n".join([facts.token_endpoint, facts.client_id, repr(facts.form)])
    return fill(
        _SCRIPT,
        preparation=_preparation(facts),
        cache=f"api-token-{hashlib.sha256(about.encode()).hexdigest()[:16]}.json",
        request=_request(facts, indent="  "),
        member=_member(facts.dialect.answer.access_token),
        expires_in=_member(facts.dialect.answer.expires_in),
        margin=str(facts.margin),
        certificate=_CERTIFICATE if facts.is_certificate_bound else "",
        where="; put its address in" if facts.is_api_url_example else "",
        api=_within_double_quotes(facts.api_url),
    )


def _preparation(facts: Facts) -> str:
    needed = [_PREPARATIONS["secret" if facts.has_secret else facts.proof]]
    if facts.is_certificate_bound and facts.proof != "certificate":
        needed.append(_PREPARATIONS["certificate"])
    return "\n".join(needed)


def _request(facts: Facts, *, indent: str, form: list[str] | None = None) -> str:
    """The command that writes the token answer, or with our own tool the token, to stdout."""
    if facts.proof == "private_key":
        return _own_request(facts, indent)
    usual = [f"--data-urlencode {in_shell(f'{name}={value}')}" for name, value in facts.form]
    sent = usual if form is None else form
    first = "curl -sS"
    if facts.shows_certificate:
        first += " " + _CERTIFICATE.rstrip()
    if facts.proof == "basic":
        # RFC 6749 §2.3.1: the parts of the Basic credentials are form-encoded.
        first += f' -u {in_shell(in_form(facts.client_id))}:"$CLIENT_SECRET"'
    else:
        sent.append(f"--data-urlencode {in_shell(f'client_id={facts.client_id}')}")
    if facts.proof == "body":
        first = 'printf %s "$CLIENT_SECRET" | ' + first
        sent.append("--data-urlencode client_secret@-")
    if facts.proof == "workload":
        first = 'printf %s "$(cat "$ASSERTION_FILE")" | ' + first
        kind = f"client_assertion_type={_ASSERTION_TYPES[facts.is_spiffe]}"
        sent += [f"--data-urlencode {in_shell(kind)}", "--data-urlencode client_assertion@-"]
    return f" \\\n{indent}".join([first, *sent, in_shell(facts.token_endpoint)])


def _own_request(facts: Facts, indent: str) -> str:
    options = [
        "tokenbooth token get",
        f"--issuer {in_shell(facts.issuer_url)}",
        f"--client-id {in_shell(facts.client_id)}",
        '--private-key "file:$SIGNING_KEY_FILE"',
    ]
    if facts.scope:
        options.append(f"--scope {in_shell(facts.scope)}")
    if facts.resource is not None:
        options.append(f"--resource {in_shell(facts.resource)}")
    if facts.own_dialect is not None:
        name = facts.own_dialect + ("" if facts.is_dialect_built_in else ".toml")
        options.append(f"--dialect {in_shell(name)}")
    if facts.is_certificate_bound:
        options.append('--certificate "$CLIENT_CERT_FILE" --certificate-key "$CLIENT_KEY_FILE"')
    return f" \\\n{indent}".join(options)


def _member(name: str) -> str:
    """A path of jq, within single quotes of the shell."""
    if name.isidentifier() and name.isascii():
        return f".{name}"
    quoted = "".join(f"\\u{ord(c):04x}" if c in "'\"\\" or not c.isprintable() else c for c in name)
    return f'.["{quoted}"]'


def _within_double_quotes(text: str) -> str:
    """A text within double quotes of the shell, and within ${NAME:-...} there."""
    if not text.isprintable():
        text = in_form(text)
    return "".join(f"\\{c}" if c in '\\"$`}' else c for c in text)
