// HTTP with a client certificate, for libraries that let their fetch be chosen.
import { Agent, fetch } from 'undici'

export function fetchWith({ ca, cert, key }) {
  const dispatcher = new Agent({ connect: { ca, cert, key } })
  return (url, options) => fetch(url, { ...options, dispatcher })
}
