"""An OpenID provider, as a client of it sees it: where it is, its keys, and whom a code stands for.

Everything here blocks, and is meant for a thread of its own.
"""

import threading

from tokenbooth.clock import Clock
from tokenbooth.protocol import strict_json
from tokenbooth.protocol.client_auth import basic_authorization
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.form import CONTENT_TYPE, encode_form
from tokenbooth.protocol.id_token import ID_TOKEN_ALGORITHMS, SignedInElsewhere, check_id_token
from tokenbooth.protocol.jwt import UnverifiedJwt, VerifiedClaims, read_jwt, verify_jwt
from tokenbooth.protocol.keys import VerificationKey
from tokenbooth.protocol.metadata import MetadataRefused, ServerMetadata
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.address import AddressRefused, checked_address
from tokenbooth.remote.fetch import Fetch, FetchFailed, Request
from tokenbooth.remote.key_set import RemoteKeySet
from tokenbooth.remote.metadata import discover
from tokenbooth.remote.secret_source import SecretUnavailable, secret_reader
from tokenbooth.server.settings import Settings

_METADATA_SECONDS = 3600.0
_MAX_CODE_LENGTH = 4096
_MAX_ANSWER_BYTES = 256 * 1024
_BASIC, _POST = "client_secret_basic", "client_secret_post"


class ProviderFailed(Exception):
    """The provider is away, or set up wrongly; the text is for the person and the operator."""


class Provider:
    """The provider that the settings name."""

    def __init__(self, settings: Settings, clock: Clock, fetch: Fetch) -> None:
        self._issuer = settings.sso_issuer or ""
        self._client_id = settings.sso_client_id or ""
        source = settings.sso_client_secret
        self._read_secret = None if source is None else secret_reader(source)
        self._clock = clock
        self._fetch = fetch
        self._lock = threading.Lock()
        self._metadata: tuple[ServerMetadata, float] | None = None
        self._keys = RemoteKeySet(lambda: self._endpoint("jwks_uri"), fetch, clock)

    def authorization_endpoint(self) -> str:
        """Return where people sign in; raises ProviderFailed."""
        return self._endpoint("authorization_endpoint")

    def who_signed_in(
        self,
        unverified_code: str,
        *,
        verifier: str,
        redirect_uri: str,
        nonce: str,
        signed_in_after: float | None,
    ) -> SignedInElsewhere:
        """Exchange the code; raises TokenRefused for a bad answer, ProviderFailed for none."""
        if not 0 < len(unverified_code) <= _MAX_CODE_LENGTH:
            raise TokenRefused("no_code")
        unverified = read_jwt(self._id_token(unverified_code, verifier, redirect_uri))
        if unverified.alg not in ID_TOKEN_ALGORITHMS:
            raise TokenRefused("wrong_algorithm")
        return check_id_token(
            self._verified(unverified),
            typ=unverified.typ,
            issuer=self._issuer,
            client_id=self._client_id,
            nonce=nonce,
            now=self._clock.now(),
            signed_in_after=signed_in_after,
        )

    def _id_token(self, unverified_code: str, verifier: str, redirect_uri: str) -> str:
        parameters = {
            "grant_type": "authorization_code",
            "code": unverified_code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": CONTENT_TYPE}
        secret = self._secret()
        if secret is not None and self._method() == _BASIC:
            headers["authorization"] = basic_authorization(self._client_id, secret).reveal()
        else:
            parameters["client_id"] = self._client_id
            if secret is not None:
                parameters["client_secret"] = secret.reveal()
        request = Request(
            method="POST",
            url=self._endpoint("token_endpoint"),
            headers=headers,
            body=encode_form(parameters.items()),
            max_bytes=_MAX_ANSWER_BYTES,
        )
        try:
            answer = self._fetch(request)
        except FetchFailed as error:
            raise _away() from error
        if answer.status == 429 or answer.status >= 500:
            raise _away()
        if answer.status == 401:
            raise ProviderFailed(
                "The provider does not accept this service. The operator has to check "
                "TOKENBOOTH_SSO_CLIENT_ID and TOKENBOOTH_SSO_CLIENT_SECRET."
            )
        if answer.status != 200:
            raise TokenRefused("code_refused")
        try:
            id_token = strict_json.parse_object(answer.body).get("id_token")
        except ValueError as error:
            raise TokenRefused("malformed", "token answer") from error
        if not isinstance(id_token, str):
            raise TokenRefused("no_id_token")
        return id_token

    def _verified(self, unverified: UnverifiedJwt) -> VerifiedClaims:
        keys = self._candidates(unverified)
        for key in keys:
            try:
                return verify_jwt(unverified, key)
            except TokenRefused as refused:
                if refused.reason not in ("bad_signature", "wrong_algorithm"):
                    raise
        raise TokenRefused("bad_signature" if keys else "unknown_key")

    def _candidates(self, unverified: UnverifiedJwt) -> tuple[VerificationKey, ...]:
        keys = self._keys.keys_now(unverified.kid, unverified.alg)
        if keys:
            return keys
        # The provider may have new keys since.
        if not self._keys.refresh().result():
            raise _away()
        return self._keys.keys_now(unverified.kid, unverified.alg)

    def _method(self) -> str:
        methods = self._discovered().token_endpoint_auth_methods_supported
        # OpenID Connect Discovery §3: without the list it is Basic.
        return _BASIC if methods is None or _BASIC in methods or _POST not in methods else _POST

    def _secret(self) -> Secret | None:
        if self._read_secret is None:
            return None
        try:
            return self._read_secret()
        except SecretUnavailable as error:
            raise ProviderFailed(
                "The secret of single sign-on cannot be read. The operator has to check "
                "TOKENBOOTH_SSO_CLIENT_SECRET."
            ) from error

    def _endpoint(self, name: str) -> str:
        url = getattr(self._discovered(), name)
        try:
            parts = checked_address(url or "")
        except AddressRefused as error:
            raise _misconfigured() from error
        if self._issuer.startswith("https:") and parts.scheme != "https":
            raise _misconfigured()
        return str(url)

    def _discovered(self) -> ServerMetadata:
        with self._lock:
            now = self._clock.monotonic()
            if self._metadata is not None and now - self._metadata[1] < _METADATA_SECONDS:
                return self._metadata[0]
            try:
                found = discover(self._issuer, self._fetch)
            except FetchFailed as error:
                if self._metadata is not None:  # it was right an hour ago
                    return self._metadata[0]
                raise _away() from error
            except MetadataRefused as error:
                raise _misconfigured() from error
            self._metadata = (found, now)
            return found


def _away() -> ProviderFailed:
    return ProviderFailed("The provider of single sign-on cannot be reached. Try again.")


def _misconfigured() -> ProviderFailed:
    return ProviderFailed(
        "The provider of single sign-on cannot be used as it is. The operator has to check "
        "TOKENBOOTH_SSO_ISSUER."
    )
