"""What an issuer's profile forbids, as data: OAuth 2.1, or the FAPI 2.0 security profile (M2M)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tokenbooth.protocol.assertion import PRIVATE_KEY_JWT
from tokenbooth.protocol.certificate import TLS_METHODS
from tokenbooth.protocol.client_auth import Presented
from tokenbooth.protocol.dialects import STANDARD
from tokenbooth.protocol.errors import InvalidClient
from tokenbooth.protocol.jwt import unverified_claims
from tokenbooth.protocol.messages import JWT_BEARER, REFRESH_TOKEN
from tokenbooth.protocol.presented_assertion import PresentedAssertion
from tokenbooth.server.records import Issuer, ProfileName


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is allowed; None stands for anything that the service knows."""

    title: str
    auth_methods: tuple[str, ...] | None = None
    algorithms: tuple[str, ...] | None = None  # of tokens, assertions and proofs
    forbidden_grants: tuple[str, ...] = ()
    dialects: tuple[str, ...] | None = None
    is_sender_constrained: bool = False  # no bearer tokens
    is_audience_plain: bool = False  # the audience of an assertion is a string, no list of one

    def allowed_methods(self, methods: Iterable[str]) -> tuple[str, ...]:
        """Return those of the methods that clients may authenticate by."""
        allowed = self.auth_methods
        return tuple(each for each in methods if allowed is None or each in allowed)

    def allowed_algorithms(self, algorithms: Iterable[str]) -> tuple[str, ...]:
        """Return those of the algorithms that may sign anything."""
        allowed = self.algorithms
        return tuple(each for each in algorithms if allowed is None or each in allowed)

    def allowed_grants(self, grants: Iterable[str]) -> tuple[str, ...]:
        """Return those of the grants that may be used."""
        return tuple(each for each in grants if each not in self.forbidden_grants)

    def what_is_wrong_with_method(self, method: str) -> str | None:
        """Return why clients may not authenticate in that way."""
        if self.auth_methods is None or method in self.auth_methods:
            return None
        return (
            f"This issuer follows {self.title}: clients authenticate by one of "
            f"{', '.join(self.auth_methods)}, and not by {method}."
        )

    def what_is_wrong_with_algorithm(self, alg: str) -> str | None:
        """Return why nothing may be signed with that algorithm."""
        if self.algorithms is None or alg in self.algorithms:
            return None
        return (
            f"This issuer follows {self.title}: signatures are made with one of "
            f"{', '.join(self.algorithms)}, and not with {alg}."
        )

    def mistakes(self, issuer: Issuer) -> list[str]:
        """Return what the issuer must not be like under this profile."""
        found = []
        if self.algorithms is not None and issuer.alg not in self.algorithms:
            found.append(f"its tokens are signed with one of {', '.join(self.algorithms)}")
        if issuer.refresh_tokens and REFRESH_TOKEN in self.forbidden_grants:
            found.append("it gives no refresh tokens, for these would be rotated")
        if self.dialects is not None and issuer.dialect not in self.dialects:
            found.append(f"its dialect is {' or '.join(self.dialects)}")
        return found


PROFILES: Mapping[ProfileName, Profile] = {
    "oauth21": Profile(title="OAuth 2.1"),
    "fapi2": Profile(
        title="the FAPI 2.0 security profile",
        # FAPI 2.0 §5.3.2.1: neither secrets nor what another issuer says of the client.
        auth_methods=(PRIVATE_KEY_JWT, *TLS_METHODS),
        # FAPI 2.0 §5.4.1; Ed25519 is EdDSA's precise name.
        algorithms=("PS256", "ES256", "EdDSA", "Ed25519"),
        # The client of a JWT bearer grant need not prove itself, and refresh tokens must not
        # be rotated, as ours are.
        forbidden_grants=(JWT_BEARER, REFRESH_TOKEN),
        dialects=(STANDARD,),
        is_sender_constrained=True,
        is_audience_plain=True,  # FAPI 2.0 §5.3.2.1
    ),
}


def profile_of(issuer: Issuer) -> Profile:
    """Return the profile that the issuer follows."""
    return PROFILES[issuer.policy.profile]


def refuse_by_profile(presented: Presented, issuer: Issuer) -> None:
    """Refuse a proof of a kind that the profile forbids; raises InvalidClient.

    That depends on no client, so it is said before anything is looked up.
    """
    profile = profile_of(issuer)
    wrong = profile.what_is_wrong_with_method(presented.method)
    if wrong is not None:
        raise InvalidClient(wrong, reason="profile_method")
    if isinstance(presented, PresentedAssertion):
        wrong = profile.what_is_wrong_with_algorithm(presented.unverified.alg)
        if wrong is not None:
            raise InvalidClient(wrong, reason="profile_algorithm")
        audience = unverified_claims(presented.unverified).get("aud")
        if profile.is_audience_plain and not isinstance(audience, str):
            raise InvalidClient(
                f"This issuer follows {profile.title}: the aud of an assertion is a string.",
                reason="profile_audience",
            )
