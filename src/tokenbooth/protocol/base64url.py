"""base64url without padding, strictly (RFC 7515 §2): one text for one value, both ways."""

from binascii import a2b_base64, b2a_base64

# To the common alphabet; what base64url does not know becomes "*", which the decoder refuses.
_COMMON = bytes(
    {ord("-"): ord("+"), ord("_"): ord("/")}.get(code, ord("*") if code in b"+/=" else code)
    for code in range(256)
)
_FROM_COMMON = bytes.maketrans(b"+/", b"-_")
_PADDING = {2: b"==", 3: b"="}
# A last character whose unused bits are zero, by the length of the last group.
_LAST = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}


def encode(data: bytes) -> bytes:
    """Return the one base64url text of `data`."""
    return b2a_base64(data, newline=False).translate(_FROM_COMMON, b"=")


def decode(unverified_text: bytes) -> bytes:
    """Return the value; raises ValueError for padding, foreign characters or loose bits."""
    common = unverified_text.translate(_COMMON)
    group = len(common) % 4
    if group == 0:
        return a2b_base64(common, strict_mode=True)
    if group == 1 or unverified_text[-1] not in _LAST[group]:
        message = "not strict base64url"
        raise ValueError(message)
    return a2b_base64(common + _PADDING[group], strict_mode=True)
