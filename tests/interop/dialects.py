"""Where each issuer of the demo hands out tokens, and how its vendor has them asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Way:
    token_path: str
    scope: str | None = None
    in_body: bool = False
    lifetime: int = 3600
    has_standard_names: bool = True


WAYS = {
    "default": Way(token_path="/oauth2/token"),
    "jwt-basic": Way(token_path="/oauth/v2/token"),
    "self-service": Way(token_path="/oauth2/token", scope="persons:read"),
    "trulioo-normalized": Way(token_path="/connect/token", in_body=True, lifetime=1800),
    "trulioo-platform": Way(
        token_path="/connect/token",
        scope="workflow.studio.api",
        in_body=True,
        lifetime=3599,
        has_standard_names=False,
    ),
    "truphone": Way(
        token_path="/auth/realms/tru-staff/protocol/openid-connect/token",
        in_body=True,
        lifetime=300,
    ),
}
ALL = tuple(WAYS)
# Those whose answer any OAuth library can read.
STANDARD_NAMES = tuple(name for name, way in WAYS.items() if way.has_standard_names)
