// Key pairs that never leave this process; a test registers the public half.
import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'

const made = new Map()

export async function make({ alg }) {
  const pair = await generateKeyPair(alg, { extractable: true })
  const kid = randomUUID()
  made.set(kid, pair)
  return { ...(await exportJWK(pair.publicKey)), kid, alg }
}

export const pairOf = (kid) => made.get(kid)
