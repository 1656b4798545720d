"""The service itself: its issuers, their APIs, and its keys."""
