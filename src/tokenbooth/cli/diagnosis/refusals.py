"""Why a token request may have been refused, likeliest cause first, by what was answered."""

from collections.abc import Iterator, Sequence

from tokenbooth.client.errors import TokenUnavailable

_BY_CODE: dict[str, tuple[str, ...]] = {
    "invalid_scope": (
        (
            "Ask for scopes that this client may have, with single spaces between; the vendor's "
            "portal or the operator lists them."
        ),
        "Leave --scope out, to get what the client usually gets.",
    ),
    "invalid_target": (
        "Ask for an API that this client may call: --resource takes its exact audience.",
    ),
    "unauthorized_client": (
        "Ask the operator to allow this client the client credentials grant.",
        "Check that it is the client ID of a machine, and not that of an app for people.",
    ),
    "access_denied": ("Ask the operator to approve this client for what it asks for.",),
    "unsupported_grant_type": (
        "Check the token URL: the service there knows no client credentials.",
        "Check that nothing on the way, like a gateway, changes the form that is posted.",
    ),
    "invalid_request": (
        "Check --dialect: this server may want the request in a vendor's own way.",
        "Try the other --auth-method, basic or body.",
        "Add --resource or --scope, if the server asks for an audience.",
    ),
    "slow_down": ("Wait before the next request, and keep tokens until they end.",),
    "unreadable": (
        "Check --dialect: the answer is a success, but in other words than expected.",
        "Check the token URL: a page for people answers 200 too.",
    ),
    "timeout": ("Try again; if it stays slow, ask the operator, or raise --timeout.",),
    "tls": ("See what the check named tls says.",),
    "unreachable": ("See the checks of the network, named dns, tcp and tls.",),
    "garbled": ("Check the port, and https against http.",),
    "compressed": ("Look for a proxy that compresses answers although nobody asked for it.",),
    "metadata": ("See what the check named discovery says.",),
}
_BY_STATUS: dict[int, tuple[str, ...]] = {
    401: ("Check the client ID and the secret.", "Try the other --auth-method, basic or body."),
    403: (
        "Ask for this machine's network to be allowed: a firewall or an allow-list answers so.",
        "Check the token URL.",
    ),
    404: ("Check the token URL: nothing is there.",),
    405: ("Check the token URL: what is there takes no POST.",),
    415: ("Check the token URL: this server takes no form, so it is no token endpoint.",),
    429: (
        "Keep tokens until 60 seconds before their end, instead of getting one for each call.",
        "Wait: repeated failures are slowed down as well.",
    ),
}


def causes_of(
    error: TokenUnavailable, *, request_id: str, methods: Sequence[str], is_ours: bool
) -> Iterator[str]:
    """Yield the likely causes; `methods` are the ways in which the secret was sent."""
    if error.code == "invalid_client":
        yield from _of_invalid_client(methods, is_ours=is_ours)
    elif error.status is not None and error.status >= 500:
        yield "Try again later, and tell the operator: the server itself is in trouble."
    else:
        known = _BY_CODE.get(error.code) or _BY_CODE.get(error.reason)
        if known is None and error.status is not None and 300 <= error.status <= 399:
            known = ("Give the final address as --token-url: credentials follow no redirect.",)
        yield from known or _BY_STATUS.get(error.status or 0, ())
    if request_id:
        yield (
            f"Send the operator this number, whose log says why: {request_id}. In Tokenbooth: "
            f"tokenbooth explain {request_id}"
        )


def _of_invalid_client(methods: Sequence[str], *, is_ours: bool) -> Iterator[str]:
    if len(methods) > 1:
        yield (
            f"Check client ID and secret: both ways to send them ({' and '.join(methods)}) were "
            "refused, so the way is not the problem."
        )
    if is_ours:
        yield (
            "Check that the secret is this client's and this issuer's: it is undamaged, but "
            "another client's or environment's is refused like a wrong one."
        )
    elif len(methods) == 1:
        yield "Check client ID and secret: copy both again, from the issuer's own environment."
    yield (
        "Ask whether the secret was rotated or has ended, and whether the client is disabled: "
        "that is answered in the same words."
    )
    if len(methods) == 1:
        other = "body" if methods[0].startswith("basic") else "basic"
        yield f"Try --auth-method {other}: the secret went out as {methods[0]}."
