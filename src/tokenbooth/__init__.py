"""Tokenbooth: OAuth 2.0 access tokens for machines, issued, used and checked."""

from typing import Final

__version__: Final = "0.1.0"

__all__ = ["__version__"]
