// oidc-provider as a foreign token service. Two APIs, told apart by the form of their tokens.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { errors } from 'oidc-provider'

const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']
const API = { scope: 'persons:read persons:write', accessTokenTTL: 300 }

function servedApi(context, resource, alg) {
  const audience = resource.replace(/#.*/, '')
  if (resource.startsWith('https://sealed.')) return { ...API, audience, accessTokenFormat: 'opaque' }
  if (!resource.startsWith('https://api.')) throw new errors.InvalidTarget()
  return { ...API, audience, accessTokenFormat: 'jwt', jwt: { sign: { alg } } }
}

async function signingKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `${alg}-key` }
}

export async function start({ clients, alg, needsNonce }) {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // The process ends when its input does, and not when this server would.
  server.unref()
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: await Promise.all([...new Set([alg, 'RS256'])].map(signingKey)) },
    scopes: API.scope.split(' '),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ALGORITHMS, dPoPSigningAlgValues: ALGORITHMS },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => needsNonce },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (context, resource) => servedApi(context, resource, alg),
      },
      revocation: { enabled: true, allowedPolicy: () => true },
    },
  })
  server.on('request', provider.callback())
  return issuer
}
