"""Clients of other systems: read from their exports, and taken over with their secrets."""
