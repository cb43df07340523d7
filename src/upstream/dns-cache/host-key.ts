export interface HostAndPort {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** 'host:port', by which the cache knows it. */
  readonly key: string
}

const MAX_PORT = 65535

/** Reads an authority as Envoy's dynamic forward proxy does: what is no port stays part of the host. */
export function hostAndPort(authority: string, defaultPort: number): HostAndPort {
  const colon = authority.lastIndexOf(':')
  const bracket = authority.lastIndexOf(']')
  const digits = colon > bracket ? authority.slice(colon + 1) : ''
  const hasPort = /^\d{1,5}$/.test(digits) && Number(digits) <= MAX_PORT
  const name = hasPort ? authority.slice(0, colon) : authority
  const host = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  const port = hasPort ? Number(digits) : defaultPort
  return { host, port, key: `${name}:${port}` }
}
