"""JSON from outside that goes into tokens: not too deep, and only numbers that all read alike."""

from collections.abc import Mapping

_EXACT = 2**53  # beyond, programs disagree about a number


def check_value(value: object, depth: int) -> None:
    """Raise ValueError, saying what is wrong, for what is deeper or holds another number."""
    if depth == 0:
        raise ValueError("it is nested too deeply")
    match value:
        case Mapping():
            for each in value.values():
                check_value(each, depth - 1)
        case list() | tuple():
            for each in value:
                check_value(each, depth - 1)
        case bool() | None | str():
            return
        case int() | float() if abs(value) <= _EXACT:
            return
        case _:
            raise ValueError("it holds a number that JSON cannot carry")
