"""What a change changed, for the audit trail: each field's old and new value."""

from collections.abc import Mapping

import msgspec

from tokenbooth.server.records import Account, Api, Client, Issuer

_LONGEST = 500  # characters of one value; the trail keeps what was done, not whole documents
_NOT_TOLD = ("updated_at",)


def differences(
    before: Account | Api | Client | Issuer, after: Account | Api | Client | Issuer
) -> dict[str, list[object]]:
    """Return `{field: [old, new]}` of all that differs; a policy's fields are named by themselves.

    For records without secrets alone.
    """
    old, new = _flat(before), _flat(after)
    return {
        name: [_short(old.get(name)), _short(new.get(name))]
        for name in {**old, **new}
        if old.get(name) != new.get(name) and name not in _NOT_TOLD
    }


def _flat(record: object) -> dict[str, object]:
    members = dict(msgspec.to_builtins(record))
    policy = members.pop("policy", {})
    return members | dict(policy)


def _short(value: object) -> object:
    if isinstance(value, (str, list, tuple, Mapping)):
        text = msgspec.json.encode(value).decode()
        if len(text) > _LONGEST:
            return text[: _LONGEST - 3] + "..."
    return value
