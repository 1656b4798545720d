"""Passwords of people: which are good enough, and Argon2id to keep them (RFC 9106 §4).

A password is compared after Unicode normalisation (NFKC, as NIST SP 800-63B says): keyboards write
the same letter in several ways.
"""

import asyncio
import math
import re
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from itertools import pairwise
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from tokenbooth.management.errors import BadInput, TooManyAttempts
from tokenbooth.protocol.secret import Secret

LEAST = 12
MOST = 1024

T = TypeVar("T")

# The first choice of OWASP where a service does more than hash: 46 MiB once, in one lane.
_hasher = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
# Two at a time: a storm of sign-ins takes neither all memory nor all processors.
_AT_ONCE = 2
_MOST_WAITING = 64
_threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
_places = threading.BoundedSemaphore(_MOST_WAITING)
_BUSY = "Too many people sign in at this moment. Try again in a few seconds."

# The usual ones, without digits and marks, one a line.
_COMMON = frozenset(files(__package__).joinpath("common_passwords.txt").read_text("ascii").split())
_LETTERS = re.compile(r"[^\W\d_]+")
_LEAST_OF_OWN = 8  # what must be left of a password without its owner's name and address
_LEAST_DIFFERENT = 5


def check_password(password: Secret, *, email: str, name: str = "") -> None:
    """Refuse a password that is too short or easily guessed; raises BadInput, which quotes none."""
    text = _normal(password)
    if len(text) < LEAST:
        raise BadInput(f"The password needs at least {LEAST} characters. A few words do well.")
    if len(password.reveal()) > MOST or len(text) > MOST:
        raise BadInput(f"The password has at most {MOST} characters.")
    folded = text.casefold()
    if _is_common(folded):
        raise BadInput("This password is among the first that are tried. Choose another one.")
    own = folded.replace(email.casefold(), "")
    for part in re.split(r"[\W_]+", f"{email} {name} tokenbooth".casefold()):
        if len(part) >= 3:
            own = own.replace(part, "")
    if len(own) < _LEAST_OF_OWN:
        raise BadInput("This password is little more than a name. Choose another one.")


async def hash_password(password: Secret) -> str:
    """Return what is stored instead of the password; raises TooManyAttempts."""
    return await _in_thread(lambda: _hasher.hash(_normal(password)))


async def is_password(password: Secret, stored: str | None) -> bool:
    """Whether the stored hash is this password's; raises TooManyAttempts.

    Takes as long without a hash: nobody learns from the time whose password there is.
    """
    return await _in_thread(lambda: _matches(password, stored))


def is_outdated(stored: str) -> bool:
    """Whether the hash was made at another cost than today's."""
    return _hasher.check_needs_rehash(stored)


def _matches(password: Secret, stored: str | None) -> bool:
    text = _normal(password) if len(password.reveal()) <= MOST else ""
    if stored is None or not text:
        _hasher.hash(text)
        return False
    try:
        return _hasher.verify(stored, text)
    except (Argon2Error, InvalidHashError):
        return False


async def _in_thread(work: Callable[[], T]) -> T:
    if not _places.acquire(blocking=False):
        raise TooManyAttempts(_BUSY, seconds=math.ceil(_MOST_WAITING / _AT_ONCE / 10))
    future = _threads.submit(work)
    # Given back when the work ends, not when whoever waits for it goes away.
    future.add_done_callback(lambda _: _places.release())
    return await asyncio.wrap_future(future)


def _normal(password: Secret) -> str:
    # A lone surrogate cannot be hashed; no keyboard writes one.
    text = password.reveal().encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", text)


def _is_common(folded: str) -> bool:
    if len(set(folded)) < _LEAST_DIFFERENT:
        return True
    words = "".join(_LETTERS.findall(folded))
    if words in _COMMON or (not words and _is_counting(folded)):
        return True
    half = folded[: len(folded) // 2]
    return folded == half * 2 and (_is_common(half) or _is_counting(half))


def _is_counting(digits: str) -> bool:
    """Whether each one follows the one before, up or down, or nearly all do."""
    steps = [ord(after) - ord(before) for before, after in pairwise(digits)]
    regular = sum(step in (1, -1, -9, 9, 0) for step in steps)
    return regular >= len(steps) - 2
