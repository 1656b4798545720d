"""The guard in front of an API: checks access tokens and answers for those that fail."""

from tokenbooth.guard.caller import Caller
from tokenbooth.guard.guard import Guard
from tokenbooth.guard.refusal import Refusal
from tokenbooth.guard.watch import GuardCounts

__all__ = ["Caller", "Guard", "GuardCounts", "Refusal"]
