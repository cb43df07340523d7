// docs/life-of-a-request.md is kept true here: one GET runs past probes on every function that the page names.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import inspector from 'node:inspector'
import net from 'node:net'
import { describe, it } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { startWorker } from './in-process-worker.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const page = readFileSync(`${root}docs/life-of-a-request.md`, 'utf8')

interface Step {
  readonly file: string
  readonly name: string
}

/** The page's numbered steps: **`file` `function`**. */
const steps: Step[] = [...page.matchAll(/\*\*`(src\/[^`]+\.ts)` `(\w+)`\*\*/g)].map(([, file = '', name = '']) => ({
  file,
  name,
}))
const label = ({ file, name }: Step): string => `${file} ${name}`

/** 0-based line of the first statement of a method. */
function bodyLine({ file, name }: Step): number {
  const lines = readFileSync(root + file, 'utf8').split('\n')
  const head = lines.findIndex(line => new RegExp(`^  (override |private |async )*${name}\\(`).test(line))
  assert.notEqual(head, -1, `${file} has no method ${name}`)
  for (let at = head; at < lines.length; at++) if ((lines[at] as string).endsWith('{')) return at + 1
  assert.fail(`${file}: ${name} has no body`)
}

/** Breakpoints whose condition writes a line down and never holds: probes without a change to the code. */
function probe(session: inspector.Session, step: Step): void {
  session.post('Debugger.setBreakpointByUrl', {
    url: pathToFileURL(root + step.file).href,
    lineNumber: bodyLine(step),
    condition: `(globalThis.trail?.push(${JSON.stringify(label(step))}), false)`,
  })
}

async function get(port: number, socket: net.Socket): Promise<string> {
  const answer = once(socket, 'data')
  socket.write(`GET /p HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`)
  const [data] = (await answer) as [Buffer]
  return data.toString('latin1')
}

describe('docs/life-of-a-request.md', () => {
  it('names the functions that a GET passes, in the order in which it passes them', async () => {
    assert.ok(steps.length >= 15, 'the page has lost its steps')
    const upstream: net.Socket[] = []
    const origin = net.createServer(socket => {
      upstream.push(socket)
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
      socket.on('error', () => socket.destroy())
    })
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    const free = net.createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as net.AddressInfo
    free.close()
    await once(free, 'close')
    const worker = await startWorker(bootstrap(port, (origin.address() as net.AddressInfo).port))
    const client = net.connect(port, '127.0.0.1')
    await once(client, 'connect')
    await get(port, client)
    const session = new inspector.Session()
    session.connect()
    session.post('Debugger.enable')
    for (const step of new Map(steps.map(each => [label(each), each])).values()) probe(session, step)
    const trail: string[] = []
    Object.assign(globalThis, { trail })
    const answer = await get(port, client)
    Object.assign(globalThis, { trail: undefined })
    session.disconnect()
    client.destroy()
    await once(client, 'close')
    await worker.handle({ type: 'stop_accepting', inboundOnly: false })
    origin.close()
    // The pool keeps its connection, and that this test alive.
    for (const socket of upstream) socket.destroy()
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    assert.deepEqual(withoutRepeats(trail), steps.map(label))
  })
})

/** A function that passes the call on to its namesake in the same file counts once. */
function withoutRepeats(trail: readonly string[]): string[] {
  return trail.filter((entry, index) => entry !== trail[index - 1])
}

function bootstrap(port: number, originPort: number): string {
  return `
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: "/"}, route: {cluster: origin}}]}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: origin
    load_assignment: {cluster_name: origin, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${originPort}}}}}]}]}
`
}
