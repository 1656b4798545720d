"""The running services that these tests drive."""

from tests.end_to_end.fixtures import demo, demo_clients, fresh

__all__ = ["demo", "demo_clients", "fresh"]
