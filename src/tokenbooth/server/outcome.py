"""What became of one request, for the log and the audit: gathered on the way, told at the end."""

from tokenbooth.protocol.client_auth import Presented
from tokenbooth.protocol.errors import printable
from tokenbooth.server.authenticated import AuthenticatedClient
from tokenbooth.server.issuance import Issued
from tokenbooth.server.policy import Decision
from tokenbooth.server.records import Client

_LONGEST_CLIENT_ID = 128
_SECRET_OR_TOKEN = ("tbs_", "tbo_", "tbr_", "eyJ")


class Outcome:
    """The fields of one log line, and who it is about; holds no secret and no token."""

    __slots__ = (
        "audience",
        "claimed_credential",
        "client",
        "client_id",
        "credential_id",
        "error",
        "fields",
        "grant_type",
        "method",
        "reason",
        "result",
        "source",
        "token_format",
    )

    def __init__(self, source: str) -> None:
        self.result = "answered"
        self.source = source  # the caller's address
        self.client: Client | None = None  # that proved itself
        self.credential_id = ""  # with this
        self.client_id = ""  # as claimed
        self.claimed_credential = ""  # the one that the secret names, be it a good one or not
        self.method = ""  # of authentication
        self.grant_type = ""  # of a token request
        self.error = ""
        self.reason = ""  # of a refusal
        self.token_format = ""  # of what was issued
        self.audience: tuple[str, ...] = ()
        self.fields: dict[str, object] = {}

    def presents(self, presented: Presented) -> Presented:
        """Note who claims to be calling, and by which method."""
        if presented.client_id is not None:
            self.client_id = _shown(presented.client_id)
            self.fields["client_id"] = self.client_id
        self.method = self.fields["method"] = presented.method
        return presented

    def authenticated(self, caller: AuthenticatedClient) -> None:
        """Note who is calling indeed, and with which credential."""
        self.client = caller.client
        self.client_id = caller.client.client_id
        self.credential_id = caller.credential.id

    def repeats(self, caller: AuthenticatedClient) -> None:
        """Note who is calling, where that was found out by an earlier request."""
        self.authenticated(caller)
        self.method = caller.method
        self.fields = {"client_id": self.client_id, "method": caller.method}

    def issued(self, decision: Decision, issued: Issued) -> None:
        """Note what was issued, by its id."""
        self.result = "issued"
        self.token_format = decision.token_format
        self.audience = decision.audience
        self.fields["token_id"] = issued.token_id
        self.fields["credential_id"] = decision.credential_id
        self.fields["scope"] = str(decision.scope)
        if decision.subject is not None:
            self.fields["subject"] = decision.subject
            self.fields["exchanged_for"] = [token.token_id for token in decision.rests_on]
        if decision.confirmation is not None:
            self.fields["cnf"] = decision.confirmation.to_claim()

    def answered(self, result: str, **fields: object) -> None:
        """Note the result of a question about a token."""
        self.result = result
        self.fields |= fields

    def observed(self, reason: str) -> None:
        """Note what would have been refused, were the limit not just watched."""
        self.fields["observed"] = [*self.observed_reasons(), reason]

    def observed_reasons(self) -> list[object]:
        """Return what would have been refused."""
        found = self.fields.get("observed")
        return found if isinstance(found, list) else []

    def refused(self, code: str, reason: str) -> None:
        """Note a refusal with its private reason."""
        self.result = "refused"
        self.error = code
        self.reason = reason
        self.fields |= {"error": code, "reason": reason}


def _shown(unverified_client_id: str) -> str:
    # Secret and client ID are easily swapped, and a line break would forge a line of the log.
    if unverified_client_id.startswith(_SECRET_OR_TOKEN):
        return "(a secret or token)"
    return printable(unverified_client_id, limit=_LONGEST_CLIENT_ID)
