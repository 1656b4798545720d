"""The authorization endpoint, which this service does not have, and says so (RFC 6749 §3.1).

Some clients do not read metadata without its address. Nobody is ever redirected from here.
"""

from tokenbooth.protocol.errors import MethodNotAllowed
from tokenbooth.server.exchange import Exchange, Header
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.service import Service
from tokenbooth.server.wire import NO_STORE, send_json

_WORDS = (
    "Nobody logs in here. This service gives tokens to machines, "
    "which ask the token endpoint for them with their own credentials."
)
_PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>No interactive log-in</title></head>
<body><h1>No interactive log-in</h1><p>{_WORDS}</p></body>
</html>
"""
_PAGE_HEADERS: tuple[Header, ...] = (
    NO_STORE,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


async def authorization(
    exchange: Exchange, _issuer: IssuerView, _service: Service, outcome: Outcome
) -> None:
    """Explain that there is no such thing, to people as a page and to programs as an error."""
    if exchange.method not in ("GET", "HEAD", "POST"):
        raise MethodNotAllowed("There is nothing to change here.", allow="GET, HEAD, POST")
    outcome.refused("unsupported_response_type", "no_interactive_login")
    if any("text/html" in accepted for accepted in exchange.headers(b"accept")):
        await exchange.answer(400, _PAGE.encode(), b"text/html; charset=utf-8", _PAGE_HEADERS)
        return
    refusal: dict[str, object] = {
        "error": "unsupported_response_type",
        "error_description": _WORDS,
    }
    await send_json(exchange, refusal, status=400)
