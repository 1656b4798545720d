"""Other people's token services, each configured as its own documentation says for production."""
