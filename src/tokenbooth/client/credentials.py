"""Where the client secret comes from, told in this package's own errors."""

from collections.abc import Callable

from tokenbooth.client.errors import ConfigurationRefused, SecretUnavailable
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote import secret_source
from tokenbooth.remote.secret_source import SecretSource

__all__ = ["SecretSource", "secret_reader"]


def secret_reader(source: SecretSource, what: str = "client secret") -> Callable[[], Secret]:
    """Return what reads the secret anew for each token request; raises ConfigurationRefused."""
    try:
        read = secret_source.secret_reader(source, what)
    except (TypeError, ValueError) as error:
        raise ConfigurationRefused(str(error)) from error

    def reader() -> Secret:
        try:
            return read()
        except secret_source.SecretUnavailable as error:
            # Without the chain below it: there, the platform's texts may quote what was read.
            raise SecretUnavailable(str(error)) from None

    return reader
