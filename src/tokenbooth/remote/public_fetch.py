"""Fetches what others may name: https, public addresses alone, no redirects, bounds (RFC 7591 §5).

The address that was checked is the one that is called: the name is not looked up twice, so a name
server cannot answer the second time with an address of ours.
"""

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.remote.address import AddressRefused, checked_address, shown
from tokenbooth.remote.fetch import FetchFailed, HttpFetch, Request, Response
from tokenbooth.remote.public_addresses import is_public

if TYPE_CHECKING:
    import ssl

    import httpcore2


class PublicFetch:
    """Fetches from public addresses, and from hosts whose private addresses were allowed by name.

    Those, and only those on this very machine, may also answer by plain http.
    """

    def __init__(
        self,
        *,
        allow_private_addresses_of: Iterable[str] = (),
        tls: "ssl.SSLContext | None" = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._private = frozenset(host.lower() for host in allow_private_addresses_of)
        # A proxy would look the name up by itself, and call what we would not.
        self._fetch = HttpFetch(
            tls=tls,
            clock=clock,
            use_proxies=False,
            connections=lambda backend: _CheckedConnections(backend, self._private),
        )

    def __call__(self, request: Request) -> Response:
        try:
            parts = checked_address(request.url)
        except AddressRefused as error:
            raise FetchFailed("address", str(error), is_transient=False) from error
        if parts.scheme != "https" and (parts.hostname or "") not in self._private:
            text = f"Use https for {shown(request.url)}."
            raise FetchFailed("address", text, is_transient=False)
        return self._fetch(request)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._fetch.close()


class _CheckedConnections:
    """Looks names up, and opens connections to the addresses that passed."""

    def __init__(self, backend: "httpcore2.NetworkBackend", private: frozenset[str]) -> None:
        self._backend = backend
        self._private = private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: "Iterable[httpcore2.SOCKET_OPTION] | None" = None,
    ) -> "httpcore2.NetworkStream":
        import httpcore2

        *others, last = self._checked(host, port)
        connect = self._backend.connect_tcp
        for address in others:
            try:
                return connect(address, port, timeout, local_address, socket_options)
            except (httpcore2.NetworkError, httpcore2.TimeoutException, OSError):
                continue  # A host of two kinds of addresses, of which one is not routed here.
        return connect(last, port, timeout, local_address, socket_options)

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            text = f"The name {host} cannot be looked up."
            raise FetchFailed("unreachable", text, is_transient=True) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        # One bad address spoils all: an honest name has no reason to mix them.
        if host.lower() not in self._private and not all(map(is_public, addresses)):
            raise FetchFailed(
                "address",
                f"{host} leads to an address that is not public, and is not called. "
                "If that is meant, allow it by name.",
                is_transient=False,
            )
        return addresses[:4]

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)
