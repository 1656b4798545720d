"""Registers clients, adds and rotates secrets without end, and notes each once acknowledged.

Run as: python writer.py DATABASE NOTES
"""

import asyncio
import json
import os
import sys

from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.credentials import add_secret
from tokenbooth.management.clients.rotation import rotate_secret
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings


async def write(database: str, notes: int) -> None:
    booth = await open_booth(Settings.load({}, database=database))
    while True:
        made = await create_client(booth, apis=["persons"])
        _note(notes, made.client.client_id, made.secret.client_secret.reveal())
        more = await add_secret(booth, made.client.client_id)
        _note(notes, more.client_id, more.client_secret.reveal())
        rotated = await rotate_secret(booth, made.client.client_id)
        _note(notes, rotated.new.client_id, rotated.new.client_secret.reveal())


def _note(notes: int, client_id: str, secret: str) -> None:
    # One write, which the kernel keeps whatever happens to this process a moment later.
    os.write(notes, json.dumps([client_id, secret]).encode() + b"\n")


if __name__ == "__main__":
    to = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(write(sys.argv[1], to))
