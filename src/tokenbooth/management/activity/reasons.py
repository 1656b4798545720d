"""Every reason of a refusal in words: why, and what to do; the words are in reasons.toml."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import msgspec

from tokenbooth.management.activity.token_faults import ABOUT, FAULTS


@dataclass(frozen=True, slots=True)
class Words:
    """Why a request is refused, and what to do about it."""

    why: str
    remedy: str


# What another server did is the end of such a reason.
_BY_ISSUER = "issuer_"
_NO_USE = Words(
    "The guard got no use of its issuer.",
    "Look whether the API's guard reaches its issuer; its log says more.",
)


@functools.cache
def said_reasons() -> Mapping[str, Words]:
    """Return the reasons that are said as a whole."""
    text = files(__package__).joinpath("reasons.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, Words])


def words_for(reason: str) -> Words | None:
    """Return the words of a reason or of an error code, None where there is no such thing."""
    said = said_reasons().get(reason)
    if said is not None:
        return said
    if reason in FAULTS:
        return Words(f"The token or assertion {FAULTS[reason]}.", "Get or make a new one.")
    for prefix, (what, remedy) in ABOUT.items():
        fault = FAULTS.get(reason.removeprefix(prefix)) if reason.startswith(prefix) else None
        if fault is not None:
            return Words(f"{what} {fault}.", remedy)
    return _NO_USE if reason.startswith(_BY_ISSUER) else None


def known_reasons() -> list[str]:
    """Return what people may have meant, for a guess."""
    prefixed = [prefix + fault for prefix in ABOUT for fault in FAULTS]
    return list(dict.fromkeys([*sorted(said_reasons()), *FAULTS, *prefixed]))
