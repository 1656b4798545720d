"""Limit what a client gets: how many tokens an hour, and from which networks it may call."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenbooth.management.errors import BadInput
from tokenbooth.protocol.networks import parse_network
from tokenbooth.server.records import ClientPolicy

MOST_TOKENS = 1_000_000_000
MOST_NETWORKS = 100

_QUOTA = re.compile(r"([0-9]{1,12})/h(?:our)?", re.ASCII)
_NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is said about limits; a field that is None leaves what is there."""

    quota: str | None = None  # like 200/h, or none
    quota_observe: bool | None = None
    networks: tuple[str, ...] | None = None
    networks_observe: bool | None = None

    def added_to(self, policy: ClientPolicy) -> ClientPolicy:
        """Return the policy with these limits; raises BadInput."""
        if self.quota is not None:
            policy = replace(policy, quota_per_hour=quota_of(self.quota))
        if self.quota_observe is not None:
            policy = replace(policy, quota_observe=self.quota_observe)
        if self.networks is not None:
            policy = replace(policy, networks=networks_of(self.networks))
        if self.networks_observe is not None:
            policy = replace(policy, networks_observe=self.networks_observe)
        check_limits(policy)
        return policy


NO_LIMITS = Limits()


def quota_of(text: str) -> int | None:
    """Read `200/h`; None for the word none; raises BadInput."""
    if text == _NONE:
        return None
    found = _QUOTA.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= MOST_TOKENS:
        raise BadInput("A quota is a number of tokens an hour, like 200/h, or none.")
    return int(found[1])


def networks_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Read CIDR networks; none for the word none; raises BadInput."""
    if tuple(texts) == (_NONE,):
        return ()
    if len(texts) > MOST_NETWORKS:
        raise BadInput(f"A client has at most {MOST_NETWORKS} networks.")
    try:
        return tuple(dict.fromkeys(str(parse_network(text.strip())) for text in texts))
    except ValueError as error:
        raise BadInput(f"A network is written like 192.0.2.0/24: {error}.") from error


def check_limits(policy: ClientPolicy) -> None:
    """Refuse limits that cannot be kept, or that limit nothing; raises BadInput."""
    quota = policy.quota_per_hour
    if quota is not None and not 1 <= quota <= MOST_TOKENS:
        raise BadInput(f"A quota is 1 to {MOST_TOKENS} tokens an hour.")
    if policy.quota_observe and quota is None:
        raise BadInput("There is no quota to observe: set one too.")
    if networks_of(policy.networks) != policy.networks:
        raise BadInput("Write networks without repetition and without bits beside their mask.")
    if policy.networks_observe and not policy.networks:
        raise BadInput("There are no networks to observe: set some too.")
