// oauth4webapi as a client of a token service, and as the guard of an API.
import * as oauth from 'oauth4webapi'
import { fetchWith } from './certificates.mjs'
import { pairOf } from './keys.mjs'

function options(by) {
  const chosen = { [oauth.allowInsecureRequests]: true }
  if (by?.tls) chosen[oauth.customFetch] = fetchWith(by.tls)
  return chosen
}

function proving(by) {
  switch (by.method) {
    case 'client_secret_basic':
      return oauth.ClientSecretBasic(by.secret)
    case 'client_secret_post':
      return oauth.ClientSecretPost(by.secret)
    case 'private_key_jwt':
      return oauth.PrivateKeyJwt({ key: pairOf(by.kid).privateKey, kid: by.kid })
    default:
      return oauth.TlsClientAuth()
  }
}

async function metadata(issuer, by, algorithm = 'oauth2') {
  const identifier = new URL(issuer)
  const answer = await oauth.discoveryRequest(identifier, { algorithm, ...options(by) })
  return oauth.processDiscoveryResponse(identifier, answer)
}

export const discover = ({ issuer, by, algorithm }) => metadata(issuer, by, algorithm)

// RFC 9449 §8: a nonce that is asked for is in the next proof.
async function withNonce(attempt) {
  try {
    return await attempt()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return attempt()
  }
}

export async function token({ issuer, by, parameters = {}, dpop }) {
  const as = await metadata(issuer, by)
  const client = { client_id: by.client_id }
  const DPoP = dpop && oauth.DPoP(client, pairOf(dpop))
  return withNonce(async () => {
    const answer = await oauth.clientCredentialsGrantRequest(
      as, client, proving(by), new URLSearchParams(parameters), { DPoP, ...options(by) },
    )
    return oauth.processClientCredentialsResponse(as, client, answer)
  })
}

// Any grant by its name: RFC 8693 and RFC 7523 are asked for like this.
export async function exchange({ issuer, by, grant, parameters }) {
  const as = await metadata(issuer, by)
  const client = { client_id: by.client_id }
  const answer = await oauth.genericTokenEndpointRequest(
    as, client, proving(by), grant, new URLSearchParams(parameters), options(by),
  )
  return oauth.processGenericTokenEndpointResponse(as, client, answer)
}

export async function register({ issuer, initialAccessToken, wishes }) {
  const as = await metadata(issuer)
  const answer = await oauth.dynamicClientRegistrationRequest(as, wishes, {
    initialAccessToken, ...options(),
  })
  return oauth.processDynamicClientRegistrationResponse(answer)
}

export async function introspect({ issuer, by, token, signed = false }) {
  const as = await metadata(issuer, by)
  const client = { client_id: by.client_id }
  if (signed) client.introspection_signed_response_alg = signed
  const answer = await oauth.introspectionRequest(as, client, proving(by), token, options(by))
  const told = await oauth.processIntrospectionResponse(as, client, answer)
  if (signed) await oauth.validateApplicationLevelSignature(as, answer, options(by))
  return told
}

export async function revoke({ issuer, by, token }) {
  const as = await metadata(issuer, by)
  const client = { client_id: by.client_id }
  const answer = await oauth.revocationRequest(as, client, proving(by), token, options(by))
  await oauth.processRevocationResponse(answer)
}

export async function call({ url, token, dpop, by }) {
  const DPoP = dpop && oauth.DPoP({ client_id: 'unused' }, pairOf(dpop))
  return withNonce(async () => {
    const answer = await oauth.protectedResourceRequest(
      token, 'GET', new URL(url), undefined, undefined, { DPoP, ...options(by) },
    )
    return answer.json()
  })
}

// As an API would: `dpop` names the key whose proof comes with the token.
export async function guard({ issuer, audience, token, dpop, requireDPoP = false }) {
  const as = await metadata(issuer)
  const url = 'https://api.example.com/persons'
  const headers = new Headers({ authorization: `${dpop ? 'DPoP' : 'Bearer'} ${token}` })
  let request = new Request(url, { headers })
  if (dpop) {
    const kept = async (_, sent) => {
      request = new Request(url, { headers: sent.headers })
      return new Response()
    }
    const DPoP = oauth.DPoP({ client_id: 'unused' }, pairOf(dpop))
    await oauth.protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined, {
      DPoP, [oauth.customFetch]: kept,
    })
  }
  return oauth.validateJwtAccessToken(as, request, audience, { requireDPoP, ...options() })
}

// The same for a call that somebody else prepared.
export async function judge({ issuer, audience, url, headers }) {
  const as = await metadata(issuer)
  const request = new Request(url, { headers })
  return oauth.validateJwtAccessToken(as, request, audience, { requireDPoP: true, ...options() })
}

// A client that knows an API and nothing else: where are its tokens from? (RFC 9728)
export async function discoverResource({ url }) {
  const resource = new URL(url)
  const answer = await oauth.resourceDiscoveryRequest(resource, options())
  return oauth.processResourceDiscoveryResponse(resource, answer)
}
