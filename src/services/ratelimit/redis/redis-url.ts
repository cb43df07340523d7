import { type Address, ipAddress, pipeAddress } from '../../../net/index.ts'

export interface RedisTarget {
  readonly address: Address
  /** '': none is sent; with a user it is an ACL login. */
  readonly user: string
  readonly password: string
  readonly database: number
  /** For logs: without the password. */
  readonly shown: string
}

const DEFAULT_PORT = 6379

/**
 * `redis://[user:password@]host[:port][/database]`, `unix:///path`, a path, or `host:port`. A text is what is wrong with it.
 */
export function parseRedisUrl(text: string): RedisTarget | string {
  if (text.startsWith('rediss:')) {
    return "TLS to Redis is not part of this release; put a proxy with a TLS upstream between, such as Outrider's tcp_proxy"
  }
  if (text.includes(',')) return 'several Redis servers (sentinel, cluster) are not part of this release'
  const path = text.startsWith('unix://') ? text.slice(7) : text.startsWith('/') ? text : null
  if (path !== null) return { address: pipeAddress(path), user: '', password: '', database: 0, shown: path }
  const url = URL.parse(text.includes('://') ? text : `redis://${text}`)
  if (url === null || url.protocol !== 'redis:' || url.hostname === '') {
    return "is no address of a Redis server; expected 'redis://HOST:PORT', 'HOST:PORT' or a path"
  }
  const database = url.pathname.replace('/', '')
  if (!/^\d{0,5}$/.test(database)) return `'${database}' is no number of a database`
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const address = ipAddress(host, url.port === '' ? DEFAULT_PORT : Number(url.port))
  return {
    address,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: Number(database),
    shown: address.toString(),
  }
}
