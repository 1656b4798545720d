"""Options for the identities of other issuers by which a client may prove itself."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import click

from tokenbooth.cli.failures import Failure, Outcome
from tokenbooth.management.clients.federation import trusted_issuer, trusted_spiffe_id
from tokenbooth.management.clients.proofs import NewProof


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the options say."""

    issuer: str | None
    trust_domain: str | None
    bundle_endpoint: str | None
    spiffe_ids: tuple[str, ...]
    claims: tuple[str, ...]
    copied_claims: tuple[str, ...]
    is_reusable: bool

    def proofs(self, jwks_uri: str | None) -> list[NewProof]:
        """Return the proofs, none where nothing was said; raises Failure or ManagementError."""
        if self.issuer is not None and self.trust_domain is not None:
            raise Failure(
                Outcome.USAGE, "Give --federated-issuer or --spiffe-trust-domain, not both."
            )
        if self.issuer is not None:
            return [
                trusted_issuer(
                    self.issuer,
                    rules=self.claims,
                    jwks_uri=jwks_uri,
                    copied_claims=self.copied_claims,
                    single_use=not self.is_reusable,
                )
            ]
        if self.trust_domain is None:
            self._refuse_loose_ends()
            return []
        if self.bundle_endpoint is None or not self.spiffe_ids:
            raise Failure(
                Outcome.USAGE, "A --spiffe-trust-domain needs --bundle-endpoint and --spiffe-id."
            )
        return [
            trusted_spiffe_id(
                spiffe_id,
                trust_domain=self.trust_domain,
                bundle_endpoint=self.bundle_endpoint,
                rules=self.claims,
                copied_claims=self.copied_claims,
                single_use=not self.is_reusable,
            )
            for spiffe_id in self.spiffe_ids
        ]

    def _refuse_loose_ends(self) -> None:
        if self.bundle_endpoint or self.spiffe_ids:
            raise Failure(Outcome.USAGE, "Give --spiffe-trust-domain too.")
        if self.claims or self.copied_claims or self.is_reusable:
            raise Failure(Outcome.USAGE, "Give --federated-issuer or --spiffe-trust-domain too.")


def trust_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options, and as `trust` what they say."""

    @click.option(
        "--federated-issuer",
        metavar="URL",
        help="An issuer whose tokens it may show: a cluster, GitHub Actions, GitLab, any OpenID. "
        "--jwks-uri is then where that issuer's keys are.  [default: by discovery]",
    )
    @click.option("--spiffe-trust-domain", metavar="NAME", help="Whose JWT-SVIDs it may show.")
    @click.option("--bundle-endpoint", metavar="URL", help="Where that domain's keys are.")
    @click.option(
        "--spiffe-id", metavar="ID", multiple=True, help="Which: spiffe://domain/path, or .../*."
    )
    @click.option(
        "--federated-claim",
        metavar="CLAIM=VALUE",
        multiple=True,
        help="What such a token must say, all of it; * stands for any text. "
        "For example: sub=repo:my-org/my-app:*",
    )
    @click.option(
        "--copy-claim", metavar="CLAIM", multiple=True, help="Into the tokens that it gets."
    )
    @click.option(
        "--reusable",
        is_flag=True,
        help="Such a token may be shown again, as those that a cluster writes into a file.",
    )
    @functools.wraps(command)
    def with_trust(
        *args: object,
        federated_issuer: str | None,
        spiffe_trust_domain: str | None,
        bundle_endpoint: str | None,
        spiffe_id: tuple[str, ...],
        federated_claim: tuple[str, ...],
        copy_claim: tuple[str, ...],
        reusable: bool,
        **given: object,
    ) -> object:
        trust = Trust(
            issuer=federated_issuer,
            trust_domain=spiffe_trust_domain,
            bundle_endpoint=bundle_endpoint,
            spiffe_ids=spiffe_id,
            claims=federated_claim,
            copied_claims=copy_claim,
            is_reusable=reusable,
        )
        return command(*args, trust=trust, **given)

    return with_trust
