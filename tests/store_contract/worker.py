"""One node in a process of its own: `python -m tests.store_contract.worker ACTION URL NAME COUNT`.

It says "ready", waits for a line, then prints a line for each thing that it has done.
"""

import asyncio
import sys

from tests.store_contract.samples import NOW, client, credential, revocation
from tokenbooth.server.audit_records import Event
from tokenbooth.server.stores.sql import open_store


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def open_first(url, name, count):
    store = await open_store(url)
    say(await store.revision())
    return store


async def claim_all(url, name, count):
    store = await open_store(url)
    for number in range(count):
        claim = await store.claim(f"jti:{number}", now=NOW, expires_at=NOW + 60)
        if claim.won:
            say(number)
    return store


async def write_all(url, name, count):
    store = await open_store(url)
    for number in range(count):
        client_id = f"{name}{number}"
        await store.add_client(client(client_id), [credential(client_id, client_id)])
        await store.revoke([revocation(f"jti:{client_id}")])
        say(client_id)
    return store


async def audit_all(url, name, count):
    store = await open_store(url)
    for number in range(count):
        client_id = f"{name}{number}"
        made = Event(type="client_created", at=NOW, actor="service", client_id=client_id)
        await store.add_client(client(client_id), audit=[made])
    return store


async def main(action, url, name, count):
    actions = {"open": open_first, "claim": claim_all, "write": write_all, "audit": audit_all}
    store = await actions[action](url, name, int(count))
    await store.close()


if __name__ == "__main__":
    say("ready")
    sys.stdin.readline()
    asyncio.run(main(*sys.argv[1:]))
