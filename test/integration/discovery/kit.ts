import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { type ProxyProcess, socketAddress } from '../../harness/index.ts'

const TYPES = 'type.googleapis.com/envoy.config'
const CONFIG_TYPES = {
  cluster: `${TYPES}.cluster.v3.Cluster`,
  listener: `${TYPES}.listener.v3.Listener`,
  routes: `${TYPES}.route.v3.RouteConfiguration`,
  endpoints: `${TYPES}.endpoint.v3.ClusterLoadAssignment`,
} as const

export type ResourceKind = keyof typeof CONFIG_TYPES

/** A folder of its own for the files of one test. */
export function testFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'discovery-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Moves a new version of a file over the old one. */
export function moveOver(file: string, content: string | object): void {
  writeFileSync(`${file}.new`, typeof content === 'string' ? content : JSON.stringify(content))
  renameSync(`${file}.new`, file)
}

export function response(kind: ResourceKind, version: string, ...resources: readonly object[]): object {
  return {
    version_info: version,
    resources: resources.map(resource => ({ '@type': CONFIG_TYPES[kind], ...resource })),
  }
}

export function assignment(name: string, ...ports: readonly number[]): object {
  const endpoints = ports.map(port => ({ endpoint: { address: socketAddress(port) } }))
  return { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] }
}

export const fromFile = (path: string): object => ({ resource_api_version: 'V3', path_config_source: { path } })

/** Origins that answer with their own number: 0, 1, 2 and so on. */
export async function origins(t: TestContext, count: number): Promise<readonly number[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, number) => {
      const server = createServer((_request, answer) => void answer.end(String(number)))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      t.after(() => {
        server.closeAllConnections()
        server.close()
      })
      return (server.address() as AddressInfo).port
    }),
  )
}

/** 'status body' on a connection of its own, or the reason why there is no answer. */
export async function ask(port: number): Promise<string> {
  try {
    const request = get({ host: '127.0.0.1', port, agent: false })
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    return `${answer.statusCode} ${await text(answer)}`.trim()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message
  }
}

/** Everything that is answered in so many requests. */
export async function answers(port: number, count = 12): Promise<ReadonlySet<string>> {
  const seen = new Set<string>()
  for (let i = 0; i < count; i++) seen.add(await ask(port))
  return seen
}

/** Asks without pause on connections that stay, until it is stopped; the answers that were not of status 200. */
export function load(port: number): () => Promise<readonly string[]> {
  let going = true
  const bad: string[] = []
  const client = async (): Promise<void> => {
    while (going) {
      const answer = await fetch(`http://127.0.0.1:${port}/`)
      const body = await answer.text()
      if (answer.status !== 200) bad.push(`${answer.status} ${body}`)
    }
  }
  const clients = [client(), client()]
  return async () => {
    going = false
    await Promise.all(clients)
    return bad
  }
}

/** What /config_dump lists; only objects are looked into. */
type Dumped = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>

export async function dump(proxy: ProxyProcess, query: string): Promise<readonly Dumped[]> {
  const body = (await (await proxy.admin(`/config_dump?${query}`)).json()) as { configs?: Dumped[] }
  return body.configs ?? []
}
