// jose as an API's verifier: it follows a key set, and fetches it anew for a key it does not know.
import { createRemoteJWKSet, jwtVerify } from 'jose'

const followed = new Map()

function keysAt(url) {
  if (!followed.has(url)) {
    // No cooldown: a test does not wait half a minute between two rotations.
    followed.set(url, createRemoteJWKSet(new URL(url), { cooldownDuration: 0 }))
  }
  return followed.get(url)
}

export async function verify({ jwks_uri, token, issuer, audience, algorithms }) {
  const expected = { issuer, audience, algorithms, typ: 'at+jwt', requiredClaims: ['client_id', 'jti'] }
  const { payload, protectedHeader } = await jwtVerify(token, keysAt(jwks_uri), expected)
  return { claims: payload, header: protectedHeader }
}

export const known = ({ jwks_uri }) => keysAt(jwks_uri).jwks().keys.map((key) => key.kid)

// A statement of the issuer's that is no token: RFC 8414 §2.1, RFC 9701.
export async function verifyStatement({ jwks_uri, statement, issuer, typ }) {
  return (await jwtVerify(statement, keysAt(jwks_uri), { issuer, typ })).payload
}
