"""Let clients prove themselves by tokens that their platform gives them."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from tokenbooth.management.clients.proofs import NewProof
from tokenbooth.management.errors import BadInput
from tokenbooth.management.names import check_text
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import find_issuer, replace_issuer
from tokenbooth.protocol.claim_rules import (
    ClaimRule,
    ClaimRuleRefused,
    parse_rule,
    refuse_unspecific,
)
from tokenbooth.protocol.custom_claims import RESERVED
from tokenbooth.protocol.messages import JWT_BEARER
from tokenbooth.protocol.metadata import MetadataRefused, check_issuer
from tokenbooth.protocol.spiffe import SpiffeRefused, check_trust_domain
from tokenbooth.remote.address import AddressRefused, checked_address
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.federation import KIND, StoredTrust, spiffe_rule
from tokenbooth.server.issuer_view import issuer_url as identifier_of

MAX_COPIED = 10


def trusted_issuer(
    issuer: str,
    *,
    rules: Sequence[str],
    jwks_uri: str | None = None,
    copied_claims: Sequence[str] = (),
    single_use: bool = True,
) -> NewProof:
    """Return the proof by tokens of an OpenID issuer that fit all the rules; raises BadInput.

    A rule `aud=…` says for whom they must be, if that is not our issuer.
    """
    try:
        check_issuer(issuer)
        for url in filter(None, (issuer, jwks_uri)):
            checked_address(url)
        parsed = [parse_rule(rule) for rule in rules]
        others, audience = _without_audience(parsed)
        refuse_unspecific(others, issuer)
    except (MetadataRefused, AddressRefused, ClaimRuleRefused) as error:
        raise BadInput(str(error)) from error
    stored = StoredTrust(
        issuer=issuer,
        keys_at=jwks_uri,
        audience=audience,
        rules=tuple(map(str, others)),
        copied_claims=_checked_names(copied_claims),
        single_use=single_use,
    )
    return _proof(stored, hint=f"{issuer} {others[0]}")


def trusted_spiffe_id(
    spiffe_id: str,
    *,
    trust_domain: str,
    bundle_endpoint: str,
    rules: Sequence[str] = (),
    copied_claims: Sequence[str] = (),
    single_use: bool = True,
) -> NewProof:
    """Return the proof by JWT-SVIDs of one SPIFFE ID, or of all below one; raises BadInput."""
    try:
        check_trust_domain(trust_domain)
        checked_address(bundle_endpoint)
        rule = parse_rule(spiffe_rule(spiffe_id))
        others, audience = _without_audience([parse_rule(text) for text in rules])
    except (SpiffeRefused, AddressRefused, ClaimRuleRefused) as error:
        raise BadInput(str(error)) from error
    if "*" in spiffe_id.removesuffix("/*") or spiffe_id == f"spiffe://{trust_domain}/*":
        raise BadInput("A SPIFFE ID is exact, or ends in /* for all IDs below its path.")
    if not spiffe_id.startswith(f"spiffe://{trust_domain}/"):
        raise BadInput(f"The SPIFFE ID {spiffe_id} is not of the trust domain {trust_domain}.")
    stored = StoredTrust(
        trust_domain=trust_domain,
        keys_at=bundle_endpoint,
        audience=audience,
        rules=(str(rule), *map(str, others)),
        copied_claims=_checked_names(copied_claims),
        single_use=single_use,
    )
    return _proof(stored, hint=spiffe_id)


async def set_distrusted(booth: Booth, name: str, url: str, *, is_distrusted: bool) -> list[str]:
    """Refuse the tokens of an outside issuer, whichever clients trust it; or no longer so.

    Returns all that are refused now. For a SPIFFE trust domain, `url` is spiffe://domain.
    """
    require(booth, "issuers:write", whole=True)
    check_text("issuer URL", url)

    async def attempt() -> list[str]:
        issuer = await find_issuer(booth, name)
        distrusted = [each for each in issuer.policy.distrusted_issuers if each != url]
        if is_distrusted:
            if url == identifier_of(issuer, ""):
                raise BadInput("Name an outside issuer; this one signs no assertions.")
            distrusted.append(url)
        policy = replace(issuer.policy, distrusted_issuers=tuple(distrusted))
        await replace_issuer(booth, issuer, replace(issuer, policy=policy))
        return distrusted

    return await revise(attempt)


def _without_audience(rules: Sequence[ClaimRule]) -> tuple[list[ClaimRule], str | None]:
    named = [rule.pattern for rule in rules if rule.claim == "aud"]
    if len(named) > 1 or any("*" in audience for audience in named):
        raise ClaimRuleRefused("A token is for one audience: give one rule on aud, without a *.")
    return [rule for rule in rules if rule.claim != "aud"], named[0] if named else None


def _checked_names(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        check_text("claim's name", name)
        if name in RESERVED or not name:
            raise BadInput(f"The claim {name!r} has a meaning of its own in our tokens.")
    if len(names) > MAX_COPIED:
        raise BadInput(f"At most {MAX_COPIED} claims are copied.")
    return tuple(dict.fromkeys(names))


def _proof(stored: StoredTrust, *, hint: str) -> NewProof:
    shown = hint.replace(urlsplit(stored.issuer or "").scheme + "://", "", 1)
    return NewProof(
        method=stored.method,
        kind=KIND,
        data=stored.to_data(),
        hint=shown if len(shown) <= 120 else shown[:117] + "...",
        grants=(JWT_BEARER,),
    )
