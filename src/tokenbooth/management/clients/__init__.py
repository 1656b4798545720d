"""Clients, what they prove themselves with, and what they may have."""
