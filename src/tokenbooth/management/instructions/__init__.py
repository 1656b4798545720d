"""Ready code for one client of exactly this deployment: how it gets a token and calls an API."""

from tokenbooth.management.instructions.snippet import Instructions, LeftOut, Snippet
from tokenbooth.management.instructions.writing import FORMATS, instructions_for

__all__ = ["FORMATS", "Instructions", "LeftOut", "Snippet", "instructions_for"]
