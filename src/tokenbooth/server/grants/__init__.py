"""One file a grant."""
