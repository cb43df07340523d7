// Runs a bootstrap of examples/ with other ports, before origins that stand where it says.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { answering, exchange, freePorts, LAUNCHER, type RawRequest, ScriptedOrigin } from '../harness/index.ts'

export const ROOT = join(import.meta.dirname, '..', '..')
export const EXAMPLES = join(ROOT, 'examples')
const ORIGIN_PORTS = ['9001', '9002', '9003', '9004', '9411']
const LISTENER_PORTS = ['8080', '8443', '8432', '8053']

export interface RunningExample {
  /** Sends one request and returns the whole answer. */
  get(path: string, headers?: string, method?: string): Promise<string>
  readonly port: number
  /** Of the listener that the example puts on 8443. */
  readonly securePort: number
  readonly adminPort: number
  /** What came to the origins, in order. */
  readonly asked: readonly RawRequest[]
  /** Ends the proxy; what it wrote on standard output and error. */
  stop(): Promise<{ out: string; err: string }>
}

export interface ExampleOptions {
  /** Where its relative paths begin. */
  readonly cwd?: string
  /** Ports that stand in for those that its own origins would listen on. */
  readonly origins?: Readonly<Record<string, number>>
  /** What the origin that stands on `port` of the example says; null: its port, the target and the host. */
  readonly answer?: (port: string, request: RawRequest) => string | null
  /** In place of the text as it stands. */
  readonly edit?: (text: string) => string
}

export const headerOf = ({ headers }: RawRequest, wanted: string): string | undefined =>
  headers.find(([name]) => name.toLowerCase() === wanted)?.[1]

export const response = (body: string, head = 'HTTP/1.1 200 OK\r\n'): string =>
  `${head}content-length: ${body.length}\r\n\r\n${body}`

const echo = (port: string, request: RawRequest): string =>
  response(
    `${port} ${request.target} ${headerOf(request, 'host')}`,
    `HTTP/1.1 ${request.target === '/boom' ? 500 : 200} X\r\n`,
  )

/** The text with the ports in `ports` in place of the example's; what it uses beyond them is a mistake. */
export function withPorts(name: string, text: string, ports: ReadonlyMap<string, number>): string {
  return text.replace(/port_value: (\d+)/g, (_, original: string) => {
    const replaced = ports.get(original)
    assert.ok(replaced !== undefined, `${name} uses port ${original}`)
    return `port_value: ${replaced}`
  })
}

export async function run(name: string, options: ExampleOptions = {}): Promise<RunningExample> {
  const asked: RawRequest[] = []
  const origins = await Promise.all(
    ORIGIN_PORTS.map(port =>
      ScriptedOrigin.start(
        answering(request => {
          asked.push(request)
          return options.answer?.(port, request) ?? echo(port, request)
        }),
      ),
    ),
  )
  const [port, adminPort, securePort] = await freePorts(3)
  const ports = new Map(ORIGIN_PORTS.map((original, i) => [original, origins[i]!.port]))
  for (const [original, other] of Object.entries(options.origins ?? {})) ports.set(original, other)
  for (const listener of LISTENER_PORTS) ports.set(listener, listener === '8443' ? securePort! : port!)
  ports.set('9901', adminPort!)
  const written = readFileSync(join(EXAMPLES, name), 'utf8')
  const text = withPorts(name, options.edit?.(written) ?? written, ports)
  const flags = ['--concurrency', '1', '--drain-time-s', '0', '--file-flush-interval-msec', '10']
  const proxy = spawn(LAUNCHER, ['--config-yaml', text, ...flags], {
    cwd: options.cwd ?? ROOT,
  })
  let [out, err] = ['', '']
  proxy.stdout.setEncoding('utf8').on('data', piece => {
    out += piece
  })
  await new Promise<void>((resolve, reject) => {
    proxy.stderr.setEncoding('utf8').on('data', piece => {
      err += piece
      if (err.includes('all listeners are up')) resolve()
    })
    proxy.once('exit', code => reject(new Error(`exit ${code}: ${err}`)))
  })
  return {
    port: port!,
    securePort: securePort!,
    adminPort: adminPort!,
    asked,
    get: (path, headers = 'host: example.com\r\n', method = 'GET') =>
      exchange(port!, `${method} ${path} HTTP/1.1\r\n${headers}connection: close\r\n\r\n`),
    stop: async () => {
      proxy.kill('SIGTERM')
      assert.deepEqual(await once(proxy, 'close'), [0, null])
      await Promise.all(origins.map(origin => origin.close()))
      return { out, err }
    },
  }
}
