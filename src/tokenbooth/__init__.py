"""Tokenbooth: OAuth 2.0 access tokens for machines, issued, used and checked."""

__all__ = ["__version__"]

__version__ = "0.1.0"
