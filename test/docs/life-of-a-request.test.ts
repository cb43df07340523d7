// docs/life-of-a-request.md is kept true here: one GET runs past probes on every function that the page names.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
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

/** The steps of a part of the page: **`file` `function`**. */
const stepsOf = (part: string): Step[] =>
  [...part.matchAll(/\*\*`(src\/[^`]+\.ts)` `(\w+)`\*\*/g)].map(([, file = '', name = '']) => ({ file, name }))
const [overHttp1 = '', overHttp2 = ''] = page.split('\n## The same over HTTP/2\n')
const label = ({ file, name }: Step): string => `${file} ${name}`

/** 0-based line of the first statement of a method. */
function bodyLine({ file, name }: Step): number {
  const lines = readFileSync(root + file, 'utf8').split('\n')
  const head = lines.findIndex(line => new RegExp(`^  (override |private |protected |async )*${name}\\(`).test(line))
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

/** The labels of `steps` in the order in which `exchange` passes them. */
async function trailOf(steps: readonly Step[], exchange: () => Promise<void>): Promise<readonly string[]> {
  const session = new inspector.Session()
  session.connect()
  session.post('Debugger.enable')
  for (const step of new Map(steps.map(each => [label(each), each])).values()) probe(session, step)
  const trail: string[] = []
  Object.assign(globalThis, { trail })
  await exchange()
  Object.assign(globalThis, { trail: undefined })
  session.disconnect()
  return withoutRepeats(trail)
}

async function freePort(): Promise<number> {
  const free = net.createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as net.AddressInfo
  free.close()
  await once(free, 'close')
  return port
}

describe('docs/life-of-a-request.md', () => {
  it('names the functions that a GET passes, in the order in which it passes them', async () => {
    const steps = stepsOf(overHttp1)
    assert.ok(steps.length >= 15, 'the page has lost its steps')
    const upstream: net.Socket[] = []
    const origin = net.createServer(socket => {
      upstream.push(socket)
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
      socket.on('error', () => socket.destroy())
    })
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    const port = await freePort()
    const worker = await startWorker(bootstrap(port, (origin.address() as net.AddressInfo).port, ''))
    const client = net.connect(port, '127.0.0.1')
    await once(client, 'connect')
    await get(port, client)
    let answer = ''
    const trail = await trailOf(steps, async () => {
      answer = await get(port, client)
    })
    client.destroy()
    await once(client, 'close')
    await worker.handle({ type: 'stop_accepting', inboundOnly: false })
    origin.close()
    // The pool keeps its connection, and that this test alive.
    for (const socket of upstream) socket.destroy()
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    assert.deepEqual(trail, steps.map(label))
  })

  it('names what is different over HTTP/2', async () => {
    const steps = stepsOf(overHttp2)
    assert.ok(steps.length >= 7, 'the page has lost its steps')
    const upstream: http2.ServerHttp2Session[] = []
    const origin = http2.createServer()
    origin.on('session', session => upstream.push(session))
    origin.on('stream', (stream: http2.ServerHttp2Stream) => {
      stream.respond({ ':status': 200 })
      stream.end('ok')
    })
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    const port = await freePort()
    const worker = await startWorker(
      bootstrap(port, (origin.address() as net.AddressInfo).port, '\n    http2_protocol_options: {}'),
    )
    const session = http2.connect(`http://127.0.0.1:${port}`)
    const ask = async (): Promise<unknown> => {
      const stream = session.request({ ':path': '/p' })
      const [headers] = await once(stream, 'response')
      stream.resume()
      await once(stream, 'end')
      return headers[':status']
    }
    await ask()
    const answers: unknown[] = []
    const trail = await trailOf(steps, async () => {
      answers.push(await ask())
    })
    session.destroy()
    await worker.handle({ type: 'stop_accepting', inboundOnly: false })
    for (const each of upstream) each.destroy()
    origin.close()
    assert.deepEqual(answers, [200])
    // A WINDOW_UPDATE may come behind the request, in a read of its own.
    assert.deepEqual(trail.slice(0, steps.length), steps.map(label))
  })
})

/** A function that passes the call on to its namesake in the same file counts once. */
function withoutRepeats(trail: readonly string[]): string[] {
  return trail.filter((entry, index) => entry !== trail[index - 1])
}

/** `extra`: lines of the cluster. */
function bootstrap(port: number, originPort: number, extra: string): string {
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
  - name: origin${extra}
    load_assignment: {cluster_name: origin, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${originPort}}}}}]}]}
`
}
