"""Measures Tokenbooth against the limits of the machine it runs on: `make bench`."""
