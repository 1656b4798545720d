"""What became of one request, for the log: gathered on the way, written once at the end."""

from tokenbooth.protocol.client_auth import Presented
from tokenbooth.server.issuance import Issued
from tokenbooth.server.policy import Decision

_LONGEST_CLIENT_ID = 128


class Outcome:
    """The fields of one log line; holds no secret and no token."""

    __slots__ = ("fields", "result")

    def __init__(self) -> None:
        self.result = "answered"
        self.fields: dict[str, object] = {}

    def presents(self, presented: Presented) -> Presented:
        """Note who claims to be calling, and by which method."""
        if presented.client_id is not None:
            self.fields["client_id"] = presented.client_id[:_LONGEST_CLIENT_ID]
        self.fields["method"] = presented.method
        return presented

    def issued(self, decision: Decision, issued: Issued) -> None:
        """Note what was issued, by its id."""
        self.result = "issued"
        self.fields["token_id"] = issued.token_id
        self.fields["credential_id"] = decision.credential_id
        self.fields["scope"] = str(decision.scope)

    def answered(self, result: str, **fields: object) -> None:
        """Note the result of a question about a token."""
        self.result = result
        self.fields |= fields

    def refused(self, code: str, reason: str) -> None:
        """Note a refusal with its private reason."""
        self.result = "refused"
        self.fields |= {"error": code, "reason": reason}
