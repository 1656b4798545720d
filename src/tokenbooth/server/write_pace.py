"""How fast what is gathered in memory goes into the database.

What few clients did goes there at once; what very many did within about a minute, summed up
meanwhile: else their rows would cost more than their requests.
"""

_LEAST = 100  # rows a second
_SECONDS = 60  # within which what waits now is written, unless it is more than `most`


def rows_now(waiting: int, *, most: int) -> int:
    """Return how many of the waiting rows to write in this second."""
    return min(most, max(_LEAST, waiting // _SECONDS))
