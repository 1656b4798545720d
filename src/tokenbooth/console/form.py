"""A form as a browser posts it."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

MOST_FIELDS = 500


class FormRefused(Exception):
    """The body is no form that a page of ours sends."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields in their order; a field may come several times."""

    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Read application/x-www-form-urlencoded; raises FormRefused."""
        try:
            fields = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MOST_FIELDS,
            )
        except ValueError as error:
            raise FormRefused("The form cannot be read.") from error
        if any("\0" in name or "\0" in value for name, value in fields):
            raise FormRefused("The form cannot be read.")
        return cls(tuple(fields))

    def text(self, name: str, default: str = "") -> str:
        """Return the field without white space around it; `default` if it is not there."""
        return self.raw(name, default).strip()

    def raw(self, name: str, default: str = "") -> str:
        """Return the field as it was typed: for passwords."""
        return next((value for key, value in self.fields if key == name), default)

    def optional(self, name: str) -> str | None:
        """Return the field without white space around it; None if that leaves nothing."""
        return self.text(name) or None

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of that name: of checkboxes."""
        return tuple(value for key, value in self.fields if key == name)

    def flag(self, name: str) -> bool:
        """Whether the checkbox is ticked."""
        return bool(self.text(name))
