"""The header in which a TLS-terminating proxy forwards the client's certificate (RFC 9440)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote_to_bytes

from tokenbooth.protocol.certificate import (
    MAX_DER_BYTES,
    CertificateRefused,
    decode_base64,
    read_pem,
)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardingHeader:
    """Name and format of the header. Its worth depends on who sent it, which is not known here."""

    name: bytes  # lower-case
    read: Callable[[str], bytes]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "NAME" (RFC 9440) or "NAME:FORMAT"; raises ValueError that says what is possible."""
        name, colon, wanted = text.partition(":")
        read = FORMATS.get(wanted if colon else "byte-sequence")
        if read is None or not _HEADER_NAME.fullmatch(name):
            message = f"use NAME or NAME:FORMAT with a format of {', '.join(FORMATS)}"
            raise ValueError(message)
        return cls(name=name.lower().encode("ascii"), read=read)

    def certificate(self, unverified_values: tuple[str, ...]) -> bytes | None:
        """Return the forwarded certificate in DER, None without one; raises CertificateRefused."""
        if len(unverified_values) > 1:
            # A proxy that adds its header to the caller's own would let the caller choose.
            raise CertificateRefused("The proxy forwards more than one certificate header.")
        value = unverified_values[0].strip(" \t") if unverified_values else ""
        return self.read(value) if value else None


def read_byte_sequence(value: str) -> bytes:
    """Read the form of RFC 9440 §2.1: a Byte Sequence between colons, without parameters."""
    if len(value) < 2 or value[0] != ":" or value[-1] != ":":
        raise CertificateRefused("The certificate header is no byte sequence between colons.")
    return decode_base64(value[1:-1])


def read_escaped_pem(value: str) -> bytes:
    """Read percent-encoded PEM, as nginx has it in $ssl_client_escaped_cert."""
    if len(value) > 3 * MAX_DER_BYTES:
        raise CertificateRefused(f"The certificate is larger than {MAX_DER_BYTES} bytes.")
    # "+" stands for itself: some proxies leave it as it is.
    return read_pem(unquote_to_bytes(value))


FORMATS: dict[str, Callable[[str], bytes]] = {
    "byte-sequence": read_byte_sequence,
    "escaped-pem": read_escaped_pem,
    "base64-der": decode_base64,
}
CLIENT_CERT = ForwardingHeader(name=b"client-cert", read=read_byte_sequence)
