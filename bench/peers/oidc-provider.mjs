// oidc-provider as a token service for machines: PORT CLIENT_ID CLIENT_SECRET SCOPE.
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { errors } from 'oidc-provider'

const [port, client_id, client_secret, scope] = process.argv.slice(2)
const FORMATS = {
  'https://api.example.com': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
  'https://sealed.example.com': { accessTokenFormat: 'opaque' },
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'bench' }

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id,
      client_secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [key] },
  scopes: [scope],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(context, resource) {
        const format = FORMATS[resource]
        if (!format) throw new errors.InvalidTarget()
        return { scope, audience: resource, accessTokenTTL: 3600, ...format }
      },
    },
  },
})
provider.listen(Number(port), '127.0.0.1')
