"""Change how an issuer gives tokens: its dialect, their format and lifetimes, its profile."""

from dataclasses import dataclass, replace
from typing import TypeVar

from tokenbooth.management.errors import BadInput, no_such
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import (
    LONGEST_REFRESH,
    LONGEST_TOKEN,
    IssuerView,
    check_lifetime,
    check_profile,
    find_issuer,
    replace_issuer,
    view_issuer,
)
from tokenbooth.management.versions import refuse_outdated
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.profiles import PROFILES
from tokenbooth.server.records import Issuer, ProfileName, TokenFormat

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerChanges:
    """What to change; None leaves it as it is."""

    dialect: str | None = None
    token_format: TokenFormat | None = None
    token_lifetime: int | None = None
    refresh_tokens: bool | None = None
    refresh_lifetime: int | None = None
    profile: ProfileName | None = None
    dpop_nonce: bool | None = None

    def made_to(self, issuer: Issuer) -> Issuer:
        """Return the issuer with the changes."""
        return replace(
            issuer,
            dialect=_given(self.dialect, issuer.dialect),
            token_format=_given(self.token_format, issuer.token_format),
            token_lifetime=_given(self.token_lifetime, issuer.token_lifetime),
            refresh_tokens=_given(self.refresh_tokens, issuer.refresh_tokens),
            refresh_lifetime=_given(self.refresh_lifetime, issuer.refresh_lifetime),
            policy=replace(
                issuer.policy,
                profile=_given(self.profile, issuer.policy.profile),
                dpop_nonce=_given(self.dpop_nonce, issuer.policy.dpop_nonce),
            ),
        )


async def change_issuer(
    booth: Booth, name: str, changes: IssuerChanges, *, version: str | None = None
) -> IssuerView:
    """Replace what is given, and leave the rest; raises Missing, BadInput or Outdated.

    Tokens that are about stay as they are. Algorithm and keys change by rotating the key.
    """
    require(booth, "issuers:write", whole=True)
    issuer = await find_issuer(booth, name)
    if changes.dialect not in (None, *booth.dialects):
        raise BadInput(no_such("dialect", str(changes.dialect), sorted(booth.dialects)))
    if changes.profile not in (None, *PROFILES):
        raise BadInput(no_such("profile", str(changes.profile), sorted(PROFILES)))
    if changes.token_format not in (None, "jwt", "opaque"):
        raise BadInput("The token format is jwt or opaque.")
    changed = changes.made_to(issuer)
    check_lifetime("token", changed.token_lifetime, LONGEST_TOKEN)
    check_lifetime("refresh token", changed.refresh_lifetime, LONGEST_REFRESH)
    check_profile(changed)
    refuse_outdated(issuer, version)
    await replace_issuer(booth, issuer, changed)
    return view_issuer(booth, changed)


def _given(wanted: _T | None, present: _T) -> _T:
    return present if wanted is None else wanted
