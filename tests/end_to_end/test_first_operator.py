"""How the first operator comes in: by a link that the real program prints."""

import asyncio
import os
import re
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.service import database_in, run_program, running
from tokenbooth.management.errors import Missing
from tokenbooth.management.people.invitations import join
from tokenbooth.management.people.sessions import Visitor
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings

LINK = re.compile(r"^(http://127\.0\.0\.1:\d+/console/join/[A-Za-z0-9_-]{43})$", re.MULTILINE)


def follow(folder, link):
    async def inside():
        booth = await open_booth(Settings.load(os.environ, database=database_in(folder)))
        try:
            return await join(
                booth,
                unverified_code=link.rpartition("/")[2],
                email="op@example.com",
                password=Secret("correct horse battery"),
                visitor=Visitor(),
            )
        finally:
            await booth.close()

    return asyncio.run(inside())


def test_each_start_prints_one_link_until_there_is_an_operator(tmp_path):
    links = []
    for _ in range(2):
        with running(tmp_path, "--workers", "2") as service:
            found = LINK.findall(service.log)
            assert len(found) == 1
            assert urlsplit(found[0]).netloc == urlsplit(service.url).netloc
            assert service.http.get(urlsplit(found[0]).path).status_code == 200
            links += found

    with pytest.raises(Missing):
        follow(tmp_path, links[0])
    follow(tmp_path, links[1])

    with running(tmp_path) as service:
        assert LINK.findall(service.log) == []
    listed = run_program("members", "list", "--json", "--database", database_in(tmp_path))
    assert '"op@example.com"' in listed.stdout
    assert '"operator"' in listed.stdout
