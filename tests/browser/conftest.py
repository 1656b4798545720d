"""One browser for each file that looks at the console."""

import pytest

from tests.browser.look import chromium


# Not for the session: as long as it is open its event loop runs in this thread, and then no other
# test of this process could start one.
@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser
