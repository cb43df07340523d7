// TLS pieces of bootstraps, and a client.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { type CertificateFiles, httpListener, type ProxyProcess } from '../../harness/index.ts'

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'

/** A TlsCertificate out of files. */
export const pair = ({ cert, key }: CertificateFiles): object => ({
  certificate_chain: { filename: cert },
  private_key: { filename: key },
})

/** The same for a client of Node's. */
export const identity = ({ cert, key }: CertificateFiles): { cert: Buffer; key: Buffer } => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
})

const socket = (type: string, config: object): object => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: { '@type': `${TLS}.${type}`, ...config },
})
export const downstreamTls = (config: object): object => socket('DownstreamTlsContext', config)
export const upstreamTls = (config: object): object => socket('UpstreamTlsContext', config)

export const tlsInspector = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector' },
}

export interface SecuredListener {
  readonly port: number
  readonly tls: object
  readonly routes?: readonly object[]
  readonly hcm?: object
  /** Merged into the filter chain. */
  readonly chain?: object
  /** Merged into the listener. */
  readonly extra?: object
}

export const answer = (text: string): object => ({
  match: { prefix: '/' },
  direct_response: { status: 200, body: { inline_string: text } },
})

/** An HTTP listener behind TLS; it answers `ok` unless it has routes. */
export function securedListener({ port, tls: context, routes, hcm, chain, extra }: SecuredListener): object {
  const plain = httpListener({ port, routes: routes ?? [answer('ok')], ...(hcm === undefined ? {} : { hcm }) }) as {
    filter_chains: object[]
  }
  return { ...plain, filter_chains: [{ ...plain.filter_chains[0], transport_socket: context, ...chain }], ...extra }
}

/** What a server answers to one GET over a new connection: its body, or why there is none. */
export async function get(
  port: number,
  options: tls.ConnectionOptions = {},
  prepare: (client: tls.TLSSocket) => void = () => undefined,
): Promise<string> {
  const client = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  prepare(client)
  client.setEncoding('latin1').write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  let text = ''
  client.on('data', data => {
    text += data
  })
  const failed = once(client, 'error').then(
    ([error]) => `${(error as NodeJS.ErrnoException).code}: ${(error as Error).message}`,
  )
  const ended = once(client, 'close').then(() => text.split('\r\n\r\n')[1] ?? 'nothing')
  const outcome = await Promise.race([failed, ended])
  client.destroy()
  // Neither is waited for by anybody else.
  failed.catch(() => undefined)
  return outcome
}

/** The certificate that a server shows, by its common name. */
export async function shown(port: number, options: tls.ConnectionOptions = {}): Promise<string> {
  const client = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  await once(client, 'secureConnect')
  const { subject } = client.getPeerCertificate()
  client.destroy()
  return String(subject.CN)
}

const LOG_TIMEOUT_MS = 5000
/** So that lines are seen as soon as they are written. */
export const promptLogs: readonly string[] = ['--file-flush-interval-msec', '20']

/** An access logger that prints `format` between brackets that are marked, for `logLine` to find. */
export const logged = (mark: string, format = '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%'): object => ({
  name: 'envoy.access_loggers.stdout',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
    log_format: { text_format_source: { inline_string: `<${mark} ${format}>\n` } },
  },
})

/** The next lines that the logger of that mark has printed. */
export class LoggedLines {
  private readonly proxy: ProxyProcess
  private readonly pattern: RegExp
  private seen = 0

  constructor(proxy: ProxyProcess, mark: string) {
    this.proxy = proxy
    this.pattern = new RegExp(`^<${mark} (.*)>$`, 'gm')
  }

  async next(): Promise<string> {
    const deadline = performance.now() + LOG_TIMEOUT_MS
    for (;;) {
      const lines = [...this.proxy.log.matchAll(this.pattern)]
      if (lines.length > this.seen) return lines[this.seen++]![1]!
      if (performance.now() > deadline) throw new Error(`no line after ${this.seen} of ${this.pattern}`)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}
