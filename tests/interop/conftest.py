"""The running demo that other people's clients are tried on."""

from tests.end_to_end.fixtures import demo, demo_clients

__all__ = ["demo", "demo_clients"]
