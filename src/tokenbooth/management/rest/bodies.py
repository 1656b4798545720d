"""What the bodies of requests have in common: exact types, and no member that means nothing."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tokenbooth.management.errors import BadInput


class Body(BaseModel):
    """A JSON object; unknown members are refused, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


def refuse_nulls(body: Body) -> None:
    """Refuse a merge patch that takes away what is always there; raises BadInput."""
    for name in sorted(body.model_fields_set):
        if getattr(body, name) is None:
            raise BadInput(f"{name} cannot be null: leave it out, and it stays as it is.")


# RFC 6749 §3.3
ScopeName = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$")]
Scopes = Annotated[list[ScopeName], Field(max_length=500)]
Text = Annotated[str, Field(max_length=200, description="For people.")]

OneIssuer = Annotated[
    str | None, Query(description="Needed where several issuers have the client.")
]
OwnIssuer = Annotated[str, Query(description="The issuer that it belongs to.")]
OnlyIssuer = Annotated[str | None, Query(description="Only this issuer's.")]
