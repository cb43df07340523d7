/** What a proxy is asked to do, each on a port of its own. */
export type Service = 'http' | 'h2' | 'h2ToH2' | 'tls' | 'chain' | 'lua' | 'tcp'

export interface Ports extends Readonly<Record<Service, number>> {
  readonly origin: number
  readonly h2Origin: number
  readonly admin: number
}

export const ports: Ports = {
  origin: 28080,
  h2Origin: 28081,
  http: 28100,
  h2: 28101,
  h2ToH2: 28102,
  tls: 28103,
  tcp: 28104,
  chain: 28105,
  lua: 28106,
  admin: 28190,
}
