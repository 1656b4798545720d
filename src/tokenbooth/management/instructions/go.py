"""Go, with nothing but its standard library: dialects with names of their own work as well."""

from tokenbooth.management.instructions.facts import Facts
from tokenbooth.management.instructions.quoting import in_double_quotes, in_form
from tokenbooth.management.instructions.snippet import LeftOut, Snippet
from tokenbooth.management.instructions.template import fill

ID, _TITLE = "go", "Go"

_TEMPLATE = """\
// Go, no modules beyond the standard library:  go run call_api.go
package main

import (
	<<imports>>
)

const (
	tokenURL = <<token_endpoint>>
	clientID = <<client_id>>
	apiURL   = <<api>>
)

// Tokens hands out one token until <<margin>> seconds before its end, and then gets another.
type Tokens struct {
	HTTP    *http.Client
	mutex   sync.Mutex
	token   string
	renewAt time.Time
}

// Token returns a valid token; any number of goroutines may ask.
func (t *Tokens) Token() (string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if time.Now().Before(t.renewAt) {
		return t.token, nil
	}
	<<prepare>>
	form := url.Values{
		<<form>>
	}
	request, err := http.NewRequest("POST", tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	<<authenticate>>
	askedAt := time.Now()
	answer, err := t.HTTP.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1048576))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("no token: %s %s", answer.Status, body)
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		return "", err
	}
	token, _ := members[<<access_token>>].(string)
	seconds, _ := members[<<expires_in>>].(float64)
	if token == "" {
		return "", fmt.Errorf("the answer of %s holds no token", tokenURL)
	}
	t.token = token
	t.renewAt = askedAt.Add(time.Duration(seconds-<<margin>>) * time.Second)
	return t.token, nil
}

func main() {
	<<client>>
	tokens := &Tokens{HTTP: client}
	token, err := tokens.Token()
	if err != nil {
		log.Fatal(err)
	}
	address := os.Getenv("API_URL")
	if address == "" {
		address = apiURL
	}
	request, err := http.NewRequest("GET", address, nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		log.Fatalf("the API answered %s %s", answer.Status, body)
	}
	fmt.Println(string(body))
}
"""

_PLAIN_CLIENT = "client := &http.Client{Timeout: 10 * time.Second}"
_CERTIFIED_CLIENT = """\
certificate, err := tls.LoadX509KeyPair("client-cert.pem", "client-key.pem")
if err != nil {
	log.Fatal(err)
}
transport := http.DefaultTransport.(*http.Transport).Clone()
transport.TLSClientConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
client := &http.Client{Timeout: 10 * time.Second, Transport: transport}"""
_READ_ASSERTION = """\
// Read for each request: platforms renew it.
path := os.Getenv("ASSERTION_FILE")
if path == "" {
	path = "/var/run/secrets/tokens/token"
}
assertion, err := os.ReadFile(path)
if err != nil {
	return "", err
}"""
_IMPORTS = ("encoding/json", "fmt", "io", "log", "net/http", "net/url", "os", "strings", "sync")


def write(facts: Facts) -> tuple[Snippet | LeftOut, ...]:
    """Return it, or why there is none."""
    reason = ""
    if facts.is_dpop_bound:
        reason = "Its tokens are bound to a key (DPoP): every call needs a proof. Use a library."
    elif facts.proof == "private_key":
        reason = "It signs a JWT for each token request, which takes a library in Go."
    if reason:
        return (LeftOut(id=ID, title=_TITLE, reason=reason),)
    snippet = Snippet(
        id=ID,
        title=_TITLE,
        language="go",
        filename="call_api.go",
        text=_text(facts),
        needs=("Go 1.18",),
        secret_from="The environment variable CLIENT_SECRET." if facts.has_secret else "",
    )
    return (snippet,)


def _text(facts: Facts) -> str:
    form = [
        f"{in_double_quotes(name)}: {{{in_double_quotes(value)}}}," for name, value in facts.form
    ]
    imports = [*_IMPORTS, "time"]
    prepare = authenticate = ""
    if facts.proof == "basic":
        # RFC 6749 §2.3.1: the parts of the Basic credentials are form-encoded.
        user = in_double_quotes(in_form(facts.client_id))
        authenticate = f'request.SetBasicAuth({user}, url.QueryEscape(os.Getenv("CLIENT_SECRET")))'
    else:
        form.append('"client_id": {clientID},')
    if facts.proof == "body":
        form.append('"client_secret": {os.Getenv("CLIENT_SECRET")},')
    if facts.proof == "workload":
        kind = "jwt-spiffe" if facts.is_spiffe else "jwt-bearer"
        prepare = _READ_ASSERTION
        form += [
            f'"client_assertion_type": {{"urn:ietf:params:oauth:client-assertion-type:{kind}"}},',
            '"client_assertion": {strings.TrimSpace(string(assertion))},',
        ]
    if facts.shows_certificate:
        imports.append("crypto/tls")
    return fill(
        _TEMPLATE,
        imports="\n".join(f'"{name}"' for name in sorted(imports)),
        token_endpoint=in_double_quotes(facts.token_endpoint),
        client_id=in_double_quotes(facts.client_id),
        api=in_double_quotes(facts.api_url),
        prepare=prepare,
        form="\n".join(form),
        authenticate=authenticate,
        access_token=in_double_quotes(facts.dialect.answer.access_token),
        expires_in=in_double_quotes(facts.dialect.answer.expires_in),
        margin=str(facts.margin),
        client=_CERTIFIED_CLIENT if facts.shows_certificate else _PLAIN_CLIENT,
    )
