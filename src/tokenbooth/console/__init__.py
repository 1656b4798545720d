"""The web pages on top of `tokenbooth.management`."""
