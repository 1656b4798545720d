// openid-client, which finds out by itself what a service can do, as a client of a token service.
import * as client from 'openid-client'
import { fetchWith } from './certificates.mjs'
import { pairOf } from './keys.mjs'

function proving(by) {
  switch (by.method) {
    case 'client_secret_basic':
      return client.ClientSecretBasic(by.secret)
    case 'client_secret_post':
      return client.ClientSecretPost(by.secret)
    case 'private_key_jwt':
      return client.PrivateKeyJwt({ key: pairOf(by.kid).privateKey, kid: by.kid })
    default:
      return client.TlsClientAuth()
  }
}

function discover({ issuer, by, algorithm = 'oauth2', metadata = {} }) {
  const options = { algorithm, execute: [client.allowInsecureRequests] }
  if (by.tls) options[client.customFetch] = fetchWith(by.tls)
  return client.discovery(new URL(issuer), by.client_id, metadata, proving(by), options)
}

export async function token({ parameters = {}, dpop, ...service }) {
  const config = await discover(service)
  const DPoP = dpop && client.getDPoPHandle(config, pairOf(dpop))
  return client.clientCredentialsGrant(config, parameters, { DPoP })
}

// Any grant by its name: RFC 8693 and RFC 7523 are asked for like this.
export async function exchange({ grant, parameters, ...service }) {
  return client.genericGrantRequest(await discover(service), grant, parameters)
}

export async function register({ issuer, initialAccessToken, wishes }) {
  const execute = [client.allowInsecureRequests]
  const options = { algorithm: 'oauth2', initialAccessToken, execute }
  const config = await client.dynamicClientRegistration(new URL(issuer), wishes, undefined, options)
  return config.clientMetadata()
}

export async function refresh({ token, ...service }) {
  return client.refreshTokenGrant(await discover(service), token)
}

export async function introspect({ token, ...service }) {
  return client.tokenIntrospection(await discover(service), token)
}

export async function revoke({ token, ...service }) {
  await client.tokenRevocation(await discover(service), token)
}

export async function call({ url, token, dpop, ...service }) {
  const config = await discover(service)
  const DPoP = dpop && client.getDPoPHandle(config, pairOf(dpop))
  const answer = await client.fetchProtectedResource(
    config, token, new URL(url), 'GET', undefined, undefined, { DPoP },
  )
  return answer.json()
}
