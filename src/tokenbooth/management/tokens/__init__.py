"""Tokens, looked at and tried out."""
