import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/**
 * Ports that nobody listens on, chosen by the kernel and all different. A bootstrap has to name its ports; between this
 * call and the proxy's bind another process could take one, which the kernel makes unlikely by handing them out in turn.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}
