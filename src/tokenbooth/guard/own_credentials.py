"""What the guard proves itself with when it asks its issuer about a token (RFC 7662 §2.1)."""

from collections.abc import Callable

from tokenbooth.protocol.client_auth import basic_authorization
from tokenbooth.protocol.errors import GuardUnavailable
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.secret_source import SecretSource, SecretUnavailable, secret_reader

# Returns the Authorization header's value. May read a file, so it is called in a flight's thread.
Authorization = Callable[[], Secret]


def own_authorization(client_id: str | None, secret: SecretSource | None) -> Authorization | None:
    """Return the guard's own HTTP Basic credentials, None when it has none."""
    if client_id is None and secret is None:
        return None
    if not client_id or secret is None:
        raise ValueError("client_id and secret belong together")
    name, read = client_id, secret_reader(secret)

    def authorization() -> Secret:
        try:
            return basic_authorization(name, read())
        except SecretUnavailable as error:
            raise GuardUnavailable(
                "The token cannot be checked now; try again later.", reason="own_secret_unavailable"
            ) from error

    return authorization
