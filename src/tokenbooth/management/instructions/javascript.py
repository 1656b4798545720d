"""JavaScript for Node.js, with nothing but what Node.js brings."""

from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import in_form, in_javascript
from tokenbooth.management.instructions.snippet import LeftOut, Snippet
from tokenbooth.management.instructions.template import fill

ID, _TITLE = "javascript", "JavaScript"

_TEMPLATE = """\
// Node.js 20 or later, no packages:  node call-api.mjs
<<imports>>
const TOKEN_URL = <<token_endpoint>>;
const API_URL = process.env.API_URL ?? <<api>>;
<<constants>>

let cached = { token: "", renewAt: 0 };
let pending; // one request at a time, however many callers wait for it

async function token() {
  if (Date.now() < cached.renewAt) return cached.token;
  pending ??= fetchToken().finally(() => { pending = undefined; });
  return pending;
}

async function fetchToken() {
  const askedAt = Date.now();
  const answer = await fetch(TOKEN_URL, {
    method: "POST",
    <<headers>>
    body: new URLSearchParams({
      <<form>>
    }),
  });
  const members = await answer.json();
  if (!answer.ok) throw new Error(`No token: ${answer.status} ${JSON.stringify(members)}`);
  // Renewed <<margin>> seconds before its end, so that it cannot end on its way.
  const renewAt = askedAt + (members[<<expires_in>>] - <<margin>>) * 1000;
  cached = { token: members[<<access_token>>], renewAt };
  return cached.token;
}

const answer = await fetch(API_URL, { headers: { Authorization: `Bearer ${await token()}` } });
if (!answer.ok) throw new Error(`The API answered ${answer.status} ${await answer.text()}`);
console.log(await answer.text());
"""

_SIGNING = """\

// Signs who it is, instead of sending a secret; the server knows the public half of the key.
function assertion() {
  const key = createPrivateKey(readFileSync(process.env.SIGNING_KEY_FILE ?? "signing-key.pem"));
  const now = Math.floor(Date.now() / 1000);
  const encode = (members) => Buffer.from(JSON.stringify(members)).toString("base64url");
  const content = encode({ alg: ALG, typ: "JWT" }) + "." + encode({
    iss: CLIENT_ID, sub: CLIENT_ID, aud: ISSUER, iat: now, exp: now + 60, jti: randomUUID(),
  });
  const digest = ALG.startsWith("Ed") ? null : "sha" + ALG.slice(-3);
  const way = { key, dsaEncoding: "ieee-p1363" };
  if (ALG.startsWith("PS")) Object.assign(way, {
    padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  });
  return content + "." + sign(digest, Buffer.from(content), way).toString("base64url");
}
"""

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:"


def write(facts: Facts) -> tuple[Snippet | LeftOut, ...]:
    """Return it, or why there is none."""
    reason = ""
    if facts.is_dpop_bound:
        reason = "Its tokens are bound to a key (DPoP): every call needs a proof. Use a library."
    elif facts.shows_certificate:
        reason = "fetch() shows no TLS certificate. Use Python or cURL, or an agent of undici."
    if reason:
        return (LeftOut(id=ID, title=_TITLE, reason=reason),)
    snippet = Snippet(
        id=ID,
        title=_TITLE,
        language="javascript",
        filename="call-api.mjs",
        text=_text(facts),
        needs=("Node.js 20",),
        secret_from="The environment variable CLIENT_SECRET." if facts.has_secret else "",
    )
    return (snippet,)


def _text(facts: Facts) -> str:
    imports, constants, headers, after = [], [], "", ""
    form = [f"{name}: {in_javascript(value)}," for name, value in facts.form]
    if facts.proof == "basic":
        # RFC 6749 §2.3.1: the parts of the Basic credentials are form-encoded.
        user = in_javascript(in_form(facts.client_id) + ":")
        constants += [
            f"const CREDENTIALS = btoa({user} + encodeURIComponent(process.env.CLIENT_SECRET));"
        ]
        headers = "headers: { Authorization: `Basic ${CREDENTIALS}` },"
    else:
        constants.append(f"const CLIENT_ID = {in_javascript(facts.client_id)};")
        form.append("client_id: CLIENT_ID,")
    if facts.proof == "body":
        form.append("client_secret: process.env.CLIENT_SECRET,")
    if facts.proof == "private_key":
        imports += [
            'import { constants, createPrivateKey, randomUUID, sign } from "node:crypto";',
            'import { readFileSync } from "node:fs";',
            "",
        ]
        constants += [
            f"const ISSUER = {in_javascript(facts.issuer_url)};",
            f"const ALG = {in_javascript(facts.signing_alg or 'ES256')}; // of its key",
        ]
        kind = _ASSERTION_TYPE + "jwt-bearer"
        form += [f"client_assertion_type: {in_javascript(kind)},", "client_assertion: assertion(),"]
        after = _SIGNING
    if facts.proof == "workload":
        imports += ['import { readFileSync } from "node:fs";', ""]
        constants.append(
            'const ASSERTION_FILE = process.env.ASSERTION_FILE ?? "/var/run/secrets/tokens/token";'
        )
        kind = _ASSERTION_TYPE + ("jwt-spiffe" if facts.is_spiffe else "jwt-bearer")
        form += [
            f"client_assertion_type: {in_javascript(kind)},",
            # Read for each request: platforms renew it.
            'client_assertion: readFileSync(ASSERTION_FILE, "utf8").trim(),',
        ]
    return fill(
        _TEMPLATE,
        imports="\n".join(imports),
        token_endpoint=in_javascript(facts.token_endpoint),
        api=in_javascript(facts.api_url),
        constants="\n".join(constants) + ("\n" + after if after else ""),
        headers=headers,
        form="\n".join(form),
        expires_in=in_javascript(facts.dialect.answer.expires_in),
        access_token=in_javascript(facts.dialect.answer.access_token),
        margin=str(facts.margin),
    )
