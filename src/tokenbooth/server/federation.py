"""Identities of other issuers that a client trusts: what is stored of them, and what they fit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tokenbooth.protocol.assertion import check_sole_audience
from tokenbooth.protocol.claim_rules import ClaimRule, ClaimRuleRefused, all_hold, parse_rule
from tokenbooth.protocol.custom_claims import ClaimsRefused, check_claims
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.presented_assertion import FEDERATED_JWT, SPIFFE_JWT, PresentedAssertion
from tokenbooth.protocol.spiffe import SCHEME, SpiffeRefused, trust_domain_of
from tokenbooth.server.records import Credential, CredentialKind

KIND: CredentialKind = "federated"


class StoredTrust(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a credential of that kind keeps: an OpenID issuer, or a SPIFFE trust domain."""

    issuer: str | None = None
    trust_domain: str | None = None
    keys_at: str | None = None  # the bundle endpoint; for an issuer None: found by discovery
    audience: str | None = None  # None: the identifier of the issuer that is asked
    rules: tuple[str, ...] = ()
    copied_claims: tuple[str, ...] = ()  # written into the tokens that it gets
    single_use: bool = True  # of tokens with a jti

    @property
    def method(self) -> str:
        """The authentication method in which it is used."""
        return SPIFFE_JWT if self.issuer is None else FEDERATED_JWT

    def to_data(self) -> str:
        """Return what the credential keeps."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTrust:
    """A trusted identity, ready to compare with."""

    credential: Credential = field(repr=False)
    stored: StoredTrust
    rules: tuple[ClaimRule, ...]

    @property
    def issuer(self) -> str:
        """The outside issuer's identifier; of a trust domain, its own SPIFFE ID."""
        return self.stored.issuer or f"{SCHEME}{self.stored.trust_domain}"

    def is_named_by(self, presented: PresentedAssertion) -> bool:
        """Tell whether the token says it is of this issuer or trust domain."""
        if presented.method != self.stored.method:
            return False
        if presented.unverified_issuer is not None:
            return presented.unverified_issuer == self.stored.issuer
        try:
            return trust_domain_of(presented.unverified_subject) == self.stored.trust_domain
        except SpiffeRefused:
            return False

    def check(self, claims: Mapping[str, Any], own_identifier: str) -> None:
        """Refuse a token that is for another audience or of somebody else."""
        check_sole_audience(claims, self.stored.audience or own_identifier)
        if not all_hold(self.rules, claims):
            raise TokenRefused("claims_do_not_fit")

    def copied(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims that go into the tokens of the client; raises TokenRefused."""
        copied = {name: claims[name] for name in self.stored.copied_claims if name in claims}
        try:
            check_claims(copied)
        except ClaimsRefused as error:
            raise TokenRefused("copied_claims", str(error)) from error
        return copied


def known_trusts(credentials: Iterable[Credential]) -> tuple[KnownTrust, ...]:
    """Read the credentials of this kind; one that cannot be used is left out."""
    trusts = []
    for credential in credentials:
        if credential.kind != KIND:
            continue
        try:
            stored = msgspec.json.decode(credential.data, type=StoredTrust)
            rules = tuple(parse_rule(rule) for rule in stored.rules)
        except (msgspec.MsgspecError, ClaimRuleRefused):
            continue
        trusts.append(KnownTrust(credential=credential, stored=stored, rules=rules))
    return tuple(trusts)


def spiffe_rule(spiffe_id: str) -> str:
    """Return the rule for one SPIFFE ID, or for all below a path; raises SpiffeRefused."""
    trust_domain_of(spiffe_id[:-1] + "any" if spiffe_id.endswith("/*") else spiffe_id)
    return f"sub={spiffe_id}"
