import { endpointOf } from './cidr.ts'

/** config.core.v3.Address of 'ip:port' or of a pipe's path, in the form that message codecs take. */
export function addressMessage(text: string): object {
  const { ip, port } = endpointOf(text)
  if (ip === null) return { address: { case: 'pipe', value: { path: text } } }
  const colon = text.lastIndexOf(':')
  const address = text.startsWith('[') ? text.slice(1, colon - 1) : text.slice(0, colon)
  const value = { address, portSpecifier: { case: 'portValue', value: port } }
  return { address: { case: 'socketAddress', value } }
}
