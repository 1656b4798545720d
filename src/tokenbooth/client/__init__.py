"""Fetch and renew access tokens, and send them with the HTTP client at hand."""

from tokenbooth.client.errors import (
    ClientError,
    ConfigurationRefused,
    SecretUnavailable,
    TokenEndpointDown,
    TokenRequestRefused,
    TokenUnavailable,
)
from tokenbooth.client.pacing import Pacing
from tokenbooth.client.source import TokenSource
from tokenbooth.client.token import Token
from tokenbooth.protocol.secret import Secret

__all__ = [
    "ClientError",
    "ConfigurationRefused",
    "Pacing",
    "Secret",
    "SecretUnavailable",
    "Token",
    "TokenEndpointDown",
    "TokenRequestRefused",
    "TokenSource",
    "TokenUnavailable",
]
