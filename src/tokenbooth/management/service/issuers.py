"""Make and show issuers: each one authorization server identity (RFC 8414)."""

from dataclasses import dataclass, replace
from datetime import datetime

from tokenbooth.management.addresses import issuer_url, token_endpoint
from tokenbooth.management.differences import differences
from tokenbooth.management.errors import BadInput, Conflict, Missing, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.names import check_issuer_name
from tokenbooth.management.rights import require
from tokenbooth.management.versions import refuse_outdated, version_of
from tokenbooth.protocol.dialects import STANDARD
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS
from tokenbooth.server import revocations
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.keyring import new_issuer_keys
from tokenbooth.server.profiles import profile_of
from tokenbooth.server.records import Issuer, IssuerPolicy, ProfileName, TokenFormat
from tokenbooth.server.secrets import new_issuer_tag
from tokenbooth.server.settings import issuer_url_mistakes

NO_POLICY = IssuerPolicy()
LONGEST_TOKEN = 31 * 86_400
LONGEST_REFRESH = 400 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerView:
    """An issuer as people see it."""

    name: str
    url: str
    token_endpoint: str
    dialect: str
    token_format: TokenFormat
    token_lifetime: int
    refresh_tokens: bool
    refresh_lifetime: int
    alg: str
    created_at: datetime
    policy: IssuerPolicy
    version: str


def view_issuer(booth: Booth, issuer: Issuer) -> IssuerView:
    """Return what people see of `issuer`."""
    return IssuerView(
        name=issuer.name,
        url=issuer_url(booth, issuer),
        token_endpoint=token_endpoint(booth, issuer),
        dialect=issuer.dialect,
        token_format=issuer.token_format,
        token_lifetime=issuer.token_lifetime,
        refresh_tokens=issuer.refresh_tokens,
        refresh_lifetime=issuer.refresh_lifetime,
        alg=issuer.alg,
        created_at=moment(issuer.created_at),
        policy=issuer.policy,
        version=version_of(issuer),
    )


async def find_issuer(booth: Booth, name: str) -> Issuer:
    """Return the issuer of that name; raises Missing."""
    issuers = await booth.store.list_issuers()
    for issuer in issuers:
        if issuer.name == name:
            return issuer
    raise Missing(no_such("issuer", name, [issuer.name for issuer in issuers]))


async def create_issuer(
    booth: Booth,
    *,
    name: str,
    url: str | None = None,
    dialect: str = STANDARD,
    token_format: TokenFormat | None = None,
    token_lifetime: int | None = None,
    refresh_tokens: bool | None = None,
    refresh_lifetime: int | None = None,
    alg: str = "ES256",
    policy: IssuerPolicy = NO_POLICY,
) -> IssuerView:
    """Make an issuer with its keys; what is None comes from the dialect."""
    require(booth, "issuers:write", whole=True)
    check_issuer_name(
        name, dialect_paths=tuple(known.token_path for known in booth.dialects.values())
    )
    if dialect not in booth.dialects:
        raise BadInput(no_such("dialect", dialect, sorted(booth.dialects)))
    if alg not in SIGNING_ALGORITHMS:
        raise BadInput(f"The algorithm is one of {', '.join(SIGNING_ALGORITHMS)}.")
    if url is not None and (mistakes := issuer_url_mistakes(url)):
        raise BadInput(f"The issuer URL cannot be used: {'; '.join(mistakes)}.")
    defaults = booth.dialects[dialect].issuer
    now = booth.clock.now()
    issuer = Issuer(
        name=name,
        tag=new_issuer_tag(),
        url=url,
        dialect=dialect,
        token_format=token_format or ("opaque" if defaults.token_format == "opaque" else "jwt"),
        token_lifetime=defaults.token_lifetime if token_lifetime is None else token_lifetime,
        refresh_tokens=defaults.refresh_tokens if refresh_tokens is None else refresh_tokens,
        refresh_lifetime=(
            defaults.refresh_lifetime if refresh_lifetime is None else refresh_lifetime
        ),
        alg=alg,
        created_at=now,
        policy=policy,
    )
    check_profile(issuer)
    check_lifetime("token", issuer.token_lifetime, LONGEST_TOKEN)
    check_lifetime("refresh token", issuer.refresh_lifetime, LONGEST_REFRESH)
    for other in await booth.store.list_issuers():
        if other.name == name:
            raise Conflict(f"There is an issuer {name!r} already.")
        # Two issuers of one name in the tokens could speak for each other.
        if issuer_url(booth, other) == issuer_url(booth, issuer):
            raise Conflict(f"The URL {url} belongs to the issuer {other.name!r} already.")
    created = booth.event(
        "issuer_created",
        issuer=name,
        dialect=dialect,
        url=url,
        token_format=issuer.token_format,
        alg=alg,
    )
    keys = new_issuer_keys(issuer, booth.vault, now)
    await booth.store.add_issuer(issuer, keys, audit=[created])
    return view_issuer(booth, issuer)


async def list_issuers(booth: Booth) -> tuple[IssuerView, ...]:
    """Return all issuers by name."""
    require(booth, "issuers:read")
    return tuple(view_issuer(booth, issuer) for issuer in await booth.store.list_issuers())


async def show_issuer(booth: Booth, name: str) -> IssuerView:
    """Return one issuer; raises Missing."""
    require(booth, "issuers:read")
    return view_issuer(booth, await find_issuer(booth, name))


async def set_profile(
    booth: Booth, name: str, profile: ProfileName, *, version: str | None = None
) -> IssuerView:
    """Have the issuer follow another profile; raises BadInput where it cannot.

    Its clients stay as they are: what the profile forbids them is refused when they try.
    """
    require(booth, "issuers:write", whole=True)
    issuer = await find_issuer(booth, name)
    refuse_outdated(issuer, version)
    changed = replace(issuer, policy=replace(issuer.policy, profile=profile))
    check_profile(changed)
    await replace_issuer(booth, issuer, changed)
    return view_issuer(booth, changed)


async def replace_issuer(booth: Booth, seen: Issuer, changed: Issuer, *, reason: str = "") -> None:
    """Store a changed issuer unless others changed it meanwhile, and record what changed."""
    if changed != seen:
        event = booth.event(
            "issuer_changed", issuer=seen.name, reason=reason, changes=differences(seen, changed)
        )
        await booth.store.replace_issuer(changed, seen=seen, audit=[event])


def check_profile(issuer: Issuer) -> None:
    """Refuse an issuer that its profile does not allow; raises BadInput."""
    profile = profile_of(issuer)
    if mistakes := profile.mistakes(issuer):
        raise BadInput(f"An issuer that follows {profile.title}: {'; '.join(mistakes)}.")


async def revoke_issuer_tokens(booth: Booth, name: str) -> IssuerView:
    """End every token that the issuer issued so far, to every client."""
    require(booth, "issuers:write", whole=True)
    issuer = await find_issuer(booth, name)
    await booth.store.revoke(
        [revocations.of_issuer(name, booth.clock.now())],
        audit=[booth.event("issuer_tokens_revoked", issuer=name)],
    )
    return view_issuer(booth, issuer)


def check_lifetime(what: str, seconds: int, longest: int) -> None:
    """Refuse tokens that live too long, or not at all; raises BadInput."""
    if not 1 <= seconds <= longest:
        raise BadInput(f"A {what} lives from 1 second to {longest // 86_400} days.")
