"""Which client says it is calling, and with what proof (RFC 6749 §2.3).

Reading only: nothing here knows whether the proof is good.
"""

import base64
import binascii
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from tokenbooth.protocol.certificate import TLS, ShownCertificate
from tokenbooth.protocol.errors import InvalidClient, InvalidRequest
from tokenbooth.protocol.form import Form, form_encode
from tokenbooth.protocol.presented_assertion import PresentedAssertion, read_assertion
from tokenbooth.protocol.secret import Secret

MAX_CREDENTIAL_LENGTH = 4096

BASIC = "client_secret_basic"
POST = "client_secret_post"
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedSecret:
    """A client ID and secret as claimed.

    Basic has two encodings in the wild, so it may present a second reading: as RFC 6749 has it
    (form-encoded first), then raw. Both readings come from one header.
    """

    client_id: str
    secret: Secret
    method: str
    raw_reading: tuple[str, Secret] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedNothing:
    """A client that at most names itself."""

    client_id: str | None
    method: str = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedCertificate:
    """A client that names itself over a TLS connection with a certificate (RFC 8705 §2)."""

    client_id: str
    certificate: ShownCertificate
    method: str = TLS


Presented = PresentedSecret | PresentedAssertion | PresentedCertificate | PresentedNothing


def read_client(
    form: Form, authorization: tuple[str, ...], certificate: ShownCertificate | None = None
) -> Presented:
    """Read the one proof in the request; raises InvalidRequest for two, InvalidClient for junk.

    `authorization` holds the value of every Authorization header. Beside another proof, the
    certificate of the connection proves nothing: many have one for the network's sake alone.
    """
    if len(authorization) > 1:
        raise InvalidRequest("Send one Authorization header.", reason="two_methods")
    client_id, body_secret = form.get("client_id"), form.get("client_secret")
    if "client_assertion" in form or "client_assertion_type" in form:
        return _read_client_assertion(form, has_more=bool(authorization or body_secret))
    if authorization:
        if body_secret is not None:
            raise InvalidRequest(
                "Use one: Authorization header or client_secret in the body. Received both.",
                reason="two_methods",
            )
        presented = read_basic(authorization[0])
        return presented if client_id is None else _reading_named(presented, client_id)
    if body_secret is None:
        if certificate is None:
            return PresentedNothing(client_id=client_id)
        return _read_certificate(client_id, certificate)
    if client_id is None:
        raise InvalidClient("The body has a client_secret but no client_id.", reason="no_client")
    _refuse_overlong(client_id, body_secret)
    return PresentedSecret(client_id=client_id, secret=Secret(body_secret), method=POST)


def _read_certificate(client_id: str | None, certificate: ShownCertificate) -> PresentedCertificate:
    if client_id is None:  # RFC 8705 §2
        raise InvalidClient(
            "Send client_id too: the TLS certificate does not name the client.", reason="no_client"
        )
    if len(client_id) > MAX_CREDENTIAL_LENGTH:
        raise InvalidClient("The client ID is too long.", reason="overlong")
    return PresentedCertificate(client_id=client_id, certificate=certificate)


def _read_client_assertion(form: Form, *, has_more: bool) -> PresentedAssertion:
    if has_more:
        raise InvalidRequest(
            "Use one: client_assertion or the client secret. Received both.", reason="two_methods"
        )
    assertion, assertion_type = form.get("client_assertion"), form.get("client_assertion_type")
    if assertion is None or assertion_type is None:  # RFC 7521 §4.2
        raise InvalidRequest("Send client_assertion and client_assertion_type together.")
    return read_assertion(
        Secret(assertion), assertion_type=assertion_type, client_id=form.get("client_id")
    )


def read_basic(authorization: str) -> PresentedSecret:
    """Read an HTTP Basic header in both encodings; raises InvalidClient that says what is off."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":  # RFC 9110 §11.1: in any case
        raise InvalidClient(
            "The Authorization header must be HTTP Basic with the client ID and secret here.",
            reason="malformed_basic",
        )
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise _malformed("its value is not Base64 of UTF-8 text") from error
    raw_id, colon, raw_secret = text.partition(":")
    if not colon:
        raise _malformed("the decoded text has no colon between client ID and secret")
    if not raw_id:
        raise _malformed("the client ID before the colon is empty")
    if raw_secret.endswith(("\n", "\r")):
        raise _malformed("the decoded text ends with a line break")
    _refuse_overlong(raw_id, raw_secret)
    raw = (raw_id, Secret(raw_secret))
    decoded = _form_decoded(raw_id), _form_decoded(raw_secret)
    if decoded[0] is None or decoded[1] is None or decoded == (raw_id, raw_secret):
        return PresentedSecret(client_id=raw_id, secret=raw[1], method=BASIC)
    return PresentedSecret(
        client_id=decoded[0], secret=Secret(decoded[1]), method=BASIC, raw_reading=raw
    )


def basic_authorization(client_id: str, secret: Secret, *, raw: bool = False) -> Secret:
    """Return the Authorization header's value: form-encoded (RFC 6749 §2.3.1) unless `raw`."""
    pair = (client_id, secret.reveal())
    id_and_secret = ":".join(pair if raw else map(form_encode, pair))
    return Secret("Basic " + base64.b64encode(id_and_secret.encode()).decode("ascii"))


def _form_decoded(text: str) -> str | None:
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        return None  # then it was never encoded; only the raw reading makes sense


def _reading_named(presented: PresentedSecret, body_client_id: str) -> PresentedSecret:
    # The identity comes from the proof alone; a second name can only confuse (RFC 6749 §2.3).
    if body_client_id == presented.client_id:
        return replace(presented, raw_reading=None)
    if presented.raw_reading is not None and body_client_id == presented.raw_reading[0]:
        client_id, secret = presented.raw_reading
        return PresentedSecret(client_id=client_id, secret=secret, method=presented.method)
    raise InvalidRequest(
        "The client_id in the body is not the one in the Authorization header.",
        reason="two_clients",
    )


def _refuse_overlong(client_id: str, secret: str) -> None:
    if len(client_id) > MAX_CREDENTIAL_LENGTH or len(secret) > MAX_CREDENTIAL_LENGTH:
        raise InvalidClient("The client ID or secret is too long.", reason="overlong")


def _malformed(what: str) -> InvalidClient:
    return InvalidClient(
        f"The Authorization header is not valid Basic: {what}. "
        "Use curl -u or let your library build it.",
        reason="malformed_basic",
    )
