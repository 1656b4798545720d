"""base64url without padding, strictly (RFC 7515 §2): one text for one value, both ways."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(data: bytes) -> bytes:
    """Return the one base64url text of `data`."""
    return urlsafe_b64encode(data).rstrip(b"=")


def decode(unverified_text: bytes) -> bytes:
    """Return the value; raises ValueError for padding, foreign characters or loose bits."""
    data = urlsafe_b64decode(unverified_text + b"=" * (-len(unverified_text) % 4))
    # The lenient decoder skips what it does not know; only the one right text comes back.
    if encode(data) != unverified_text:
        message = "not strict base64url"
        raise ValueError(message)
    return data
