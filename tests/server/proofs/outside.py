"""An outside issuer on this machine: a cluster, a build service or a SPIFFE trust domain."""

import itertools

from tests.protocol.jose import compact, key_for
from tests.remote.local_server import as_json
from tests.server.booths import BASE_URL
from tokenbooth.management.clients.federation import trusted_issuer, trusted_spiffe_id
from tokenbooth.management.clients.proofs import add_proofs
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, SPIFFE_ASSERTION

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REPO = "repo:my-org/my-app:ref:refs/heads/main"
SVID = "spiffe://td.example/shop/till"
_numbers = itertools.count()


class Outside:
    """Publishes metadata, keys and a bundle, and signs what it is told to."""

    def __init__(self, town, server):
        self.town = town
        self.server = server
        self.url = server.url
        self.key = key_for("ES256")
        metadata = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        server.on("/.well-known/openid-configuration", lambda seen: as_json(metadata))
        server.on("/keys", lambda seen: as_json({"keys": [self.key.public.to_jwk()]}))
        bundle = {**self.key.public.to_jwk(), "use": "jwt-svid"}
        server.on("/bundle", lambda seen: as_json({"keys": [bundle], "spiffe_refresh_hint": 60}))

    def claims(self, **changed):
        now = self.town.clock.now()
        claims = {
            "iss": self.url,
            "sub": REPO,
            "aud": BASE_URL,
            "iat": now,
            "exp": now + 300,
            "jti": f"outside{next(_numbers)}",
            "repository": "my-org/my-app",
            "ref": "refs/heads/main",
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key=None, typ="JWT", **changed):
        key = key or self.key
        return compact(
            {"alg": key.alg, "kid": key.kid, "typ": typ}, self.claims(**changed), key=key
        )

    def svid(self, **changed):
        return self.token(**{"iss": None, "sub": SVID, "jti": None, **changed})

    async def trust(self, *rules, client_id="ada", issuer=None, **more):
        rules = rules or ("sub=repo:my-org/my-app:*",)
        proof = trusted_issuer(issuer or self.url, rules=rules, **more)
        return await self._add(client_id, proof)

    async def trust_spiffe(self, spiffe_id=SVID, client_id="ada", **more):
        proof = trusted_spiffe_id(
            spiffe_id, trust_domain="td.example", bundle_endpoint=f"{self.url}/bundle", **more
        )
        return await self._add(client_id, proof)

    async def _add(self, client_id, proof):
        added = await add_proofs(self.town.booth, client_id, [proof])
        await self.town.registry.refresh()
        return added.credentials[0].id

    async def ask(self, assertion, *, client_id="ada", assertion_type=JWT_BEARER_ASSERTION, **form):
        """Use it as client assertion."""
        return await self._post(
            grant_type="client_credentials",
            client_assertion_type=assertion_type,
            client_assertion=assertion,
            client_id=client_id,
            **form,
        )

    async def show(self, svid, **form):
        return await self.ask(svid, assertion_type=SPIFFE_ASSERTION, **form)

    async def exchange(self, assertion, *, client_id="ada", **form):
        """Use it by the JWT bearer grant."""
        return await self._post(
            grant_type=JWT_BEARER, assertion=assertion, client_id=client_id, **form
        )

    async def _post(self, **form):
        form = {name: value for name, value in form.items() if value is not None}
        return await self.town.http.post("/oauth2/token", data=form)

    def fetched(self, path):
        return len(self.server.seen_at(path))
