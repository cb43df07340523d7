// Plays every case of every unit through one proxy and tells what was seen.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  freePorts,
  type OriginConnection,
  ProxyProcess,
  parseRequests,
  parseResponses,
  RawClient,
  type RawRequest,
  type RawResponse,
  ScriptedOrigin,
  socketAddress,
  staticCluster,
} from '../harness/index.ts'
import type { AnswersCase, AnswersUnit } from './answers-file.ts'
import { requestBytes, responseBytes } from './message.ts'
import { Processor } from './processor.ts'
import { requestLines, responseLines } from './view.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const LOG =
  '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %RESPONSE_CODE% flags=%RESPONSE_FLAGS% details=%RESPONSE_CODE_DETAILS% ' +
  'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% cluster=%UPSTREAM_CLUSTER% %REQ(:METHOD)% ' +
  '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%'

const STATS_MS = 1000
const PIECE_MS = 15
/** So long late messages are awaited where nothing is known of them yet. */
const RECORDING_MS = 150
/** Sizes that differ from one version of a compression library to the next. */
const ENCODERS_OWN = /total_compressed_bytes$/
const ENCODED_BODY = /^< (gzip|br|zstd) body/
const HTTP_OPTIONS = `${TYPE}.upstreams.http.v3.HttpProtocolOptions`
const WITH_TRAILERS = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': HTTP_OPTIONS,
      explicit_http_config: { http_protocol_options: { enable_trailers: true } },
    },
  },
}
const OVER_HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': HTTP_OPTIONS,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}

interface Placed {
  readonly unit: AnswersUnit
  readonly slug: string
  readonly port: number
  readonly logFile: string
}

function listener({ unit, slug, port, logFile }: Placed): object {
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
  }
  const routes = unit.routes ?? [{ match: { prefix: '/' }, route: { cluster: 'origin' } }]
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: slug,
    // Where the proxy closes it lets its client go first; here nobody has a second to spare.
    delayed_close_timeout: '0.05s',
    route_config: {
      virtual_hosts: unit.virtual_hosts ?? [{ name: 'all', domains: ['*'], routes }],
      ...unit.route_config,
    },
    http_filters: [...(unit.filters ?? []), router],
    access_log: [
      {
        name: 'file',
        typed_config: {
          '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`,
          path: logFile,
          log_format: { text_format_source: { inline_string: `${LOG}${unit.log ?? ''}\n` } },
        },
      },
    ],
    ...unit.hcm,
  }
  return {
    name: slug,
    address: socketAddress(port),
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }],
  }
}

function bootstrap(placed: readonly Placed[], originPort: number, processor: Processor | null): object {
  return {
    node: { id: 'front', cluster: 'edge' },
    static_resources: {
      listeners: placed.map(listener),
      clusters: [
        staticCluster('origin', originPort, WITH_TRAILERS),
        ...[...new Set(placed.flatMap(({ unit }) => unit.origins ?? []))].map(name =>
          staticCluster(name, originPort, WITH_TRAILERS),
        ),
        ...(processor === null ? [] : [staticCluster('processor', processor.service.port, OVER_HTTP2)]),
        ...placed.flatMap(({ unit }) => unit.clusters ?? []),
      ],
      secrets: placed.flatMap(({ unit }) => unit.secrets ?? []),
    },
    layered_runtime: {
      layers: [{ name: 'static', static_layer: Object.assign({}, ...placed.map(({ unit }) => unit.runtime ?? {})) }],
    },
  }
}

/** What one case left behind; log lines are found by the client's port once the proxy has stopped. */
interface Played {
  readonly placed: Placed
  readonly clientPort: number
  readonly lines: string[]
}

class Player {
  private readonly proxy: ProxyProcess
  private readonly processor: Processor | null
  private script: readonly string[] = []
  /** The case whose origin speaks bytes of its own. */
  private exact: AnswersCase | null = null
  /** Requests of the current case that reached the origin. */
  private asked: RawRequest[] = []

  constructor(origin: ScriptedOrigin, proxy: ProxyProcess, processor: Processor | null) {
    this.proxy = proxy
    this.processor = processor
    origin.script = connection => this.answer(connection)
  }

  private answer(connection: OriginConnection): void {
    const requests = parseRequests(connection.received)
    if (requests.length === 0) return
    // Nobody pipelines here: behind a complete request there is nothing.
    connection.received = ''
    for (const request of requests) {
      if (this.exact !== null) {
        this.asked.push(request)
        this.answerExactly(connection, this.exact)
        continue
      }
      const short = this.script[Math.min(this.asked.length, this.script.length - 1)]!
      this.asked.push(request)
      connection.socket.write(Buffer.from(responseBytes(short, request.method), 'latin1'))
    }
  }

  private answerExactly(
    { socket }: OriginConnection,
    { origin_bytes: bytes = '', origin_end: end }: AnswersCase,
  ): void {
    socket.write(Buffer.from(bytes, 'latin1'), () => {
      if (end === 'close') socket.end()
      else if (end === 'reset') socket.resetAndDestroy()
    })
  }

  async play(placed: Placed, one: AnswersCase): Promise<Played> {
    this.exact = one.origin_bytes === undefined && one.origin_end === undefined ? null : one
    this.script = typeof one.origin === 'string' ? [one.origin] : (one.origin ?? ['200\n\nfrom origin'])
    this.asked = []
    this.processor?.play(one.processor ?? {})
    const before = await this.stats(placed, one)
    const client = await RawClient.connect(placed.port)
    const clientPort = client.socket.localPort!
    const startMs = performance.now()
    const lines = await (one.bytes === undefined ? converse(client, asList(one.send)) : sendExactly(client, one))
    if (one.slow !== undefined && performance.now() - startMs >= one.slow) lines.push(`took ${one.slow} ms or more`)
    await this.untilAsked(one)
    lines.push(...this.asked.toSorted((a, b) => Number(isCopy(a)) - Number(isCopy(b))).flatMap(requestLines))
    lines.push(...(await this.said(one)))
    client.close()
    lines.push(...(await this.changes(placed, one, before)))
    return { placed, clientPort, lines }
  }

  /** Copies of a request may come behind the answer to it. */
  private async untilAsked({ seen }: AnswersCase): Promise<void> {
    const expected = seen?.filter(line => /^> [A-Z]+ /.test(line)).length ?? Number.POSITIVE_INFINITY
    const deadline = performance.now() + (seen === undefined ? RECORDING_MS : STATS_MS)
    while (this.asked.length < expected && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  }

  /** What the processor heard; messages that nobody waits for may come late. */
  private async said(one: AnswersCase): Promise<readonly string[]> {
    const { processor } = this
    if (processor === null || one.processor === undefined) return []
    const expected = one.seen?.filter(line => line.startsWith('p ')).length
    const deadline = performance.now() + (expected === undefined ? RECORDING_MS : STATS_MS)
    while (processor.lines.length < (expected ?? Number.POSITIVE_INFINITY) && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, PIECE_MS))
    }
    return processor.lines
  }

  /** A stat that was made just now takes a moment to be known: what is expected is waited for. */
  private async changes(placed: Placed, one: AnswersCase, before: ReadonlyMap<string, number>): Promise<string[]> {
    const expected = (one.seen ?? []).filter(line => line.startsWith('stat ')).join()
    const deadline = performance.now() + STATS_MS
    for (;;) {
      const changes: string[] = []
      for (const [name, value] of await this.stats(placed, one)) {
        const change = value - (before.get(name) ?? 0)
        if (change !== 0) changes.push(`stat ${name} ${ENCODERS_OWN.test(name) ? '*' : withSign(change)}`)
      }
      if (expected === '' || changes.join() === expected || performance.now() > deadline) return changes
    }
  }

  private async stats({ slug }: Placed, { stats }: AnswersCase): Promise<ReadonlyMap<string, number>> {
    if (stats === undefined) return new Map()
    const wanted = new RegExp(stats)
    const all = [
      ...(await this.proxy.stats(
        `http.${slug}\\.|^cluster\\.|^vhost\\.|http_local_rate_limit|http_bandwidth_limit|json_to_metadata|^http_filter_name`,
      )),
    ].map(([name, value]) => [name.replace(`http.${slug}.`, 'http.'), value] as const)
    return new Map(all.filter(([name]) => wanted.test(name)).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** It comes over a connection of its own, before its original or after it. */
const isCopy = ({ headers }: RawRequest): boolean =>
  headers.some(([name, value]) => name === 'host' && value.includes('-shadow'))

const withSign = (change: number): string => (change > 0 ? `+${change}` : String(change))

const asList = (value: string | readonly string[] = []): readonly string[] =>
  typeof value === 'string' ? [value] : value

/** Sends the bytes of a case, each piece in a segment of its own, and waits for what it expects. */
async function sendExactly(client: RawClient, one: AnswersCase): Promise<string[]> {
  const pieces = asList(one.bytes)
  const methods = [...pieces.join('').matchAll(/^([A-Z]+) \S* HTTP\/1/gm)].map(match => match[1]!)
  const wanted = one.responses ?? 1
  const complete = (): readonly RawResponse[] => parseResponses(client.received, methods)
  const answered = (): boolean => complete().filter(({ status }) => status === 101 || status >= 200).length >= wanted
  for (const piece of pieces) {
    client.send(piece)
    // The next piece is another read for the proxy.
    if (pieces.length > 1) await new Promise(resolve => setTimeout(resolve, PIECE_MS))
  }
  await client.until(answered)
  return outcome(client, complete())
}

/** Sends the requests in turn, each after the answer to the one before. */
async function converse(client: RawClient, requests: readonly string[]): Promise<string[]> {
  const methods: string[] = []
  let responses: readonly RawResponse[] = []
  for (const short of requests) {
    const bytes = requestBytes(short)
    methods.push(bytes.slice(0, bytes.indexOf(' ')))
    client.send(bytes)
    await client.until(received => parseResponses(received, methods).length >= methods.length)
    responses = parseResponses(client.received, methods)
  }
  return outcome(client, responses)
}

/** Who says that it closes is given the time for it. */
async function outcome(client: RawClient, responses: readonly RawResponse[]): Promise<string[]> {
  const closing = responses.at(-1)?.headers.some(([name, value]) => name === 'connection' && value === 'close') ?? true
  if (closing) await client.untilEnd()
  return [...responses.flatMap(responseLines), client.ended ? 'closed' : 'open']
}

async function logLines({ placed, clientPort, lines }: Played): Promise<readonly string[]> {
  const logged = (await readFile(placed.logFile, 'utf8')).split('\n')
  const client = `127.0.0.1:${clientPort} `
  const own = logged.filter(line => line.startsWith(client)).map(line => `log ${line.slice(client.length)}`)
  const encoded = lines.some(line => ENCODED_BODY.test(line))
  return encoded ? own.map(line => line.replace(/ tx=\d+ /, ' tx=* ')) : own
}

/** For each unit and each of its cases: the lines that were seen. */
export async function playAll(units: readonly AnswersUnit[]): Promise<readonly (readonly (readonly string[])[])[]> {
  const folder = await mkdtemp(join(tmpdir(), 'answers-'))
  const ports = await freePorts(units.length)
  const placed = units.map((unit, i) => ({
    unit,
    slug: `unit${i}`,
    port: ports[i]!,
    logFile: join(folder, `unit${i}.log`),
  }))
  const origin = await ScriptedOrigin.start(() => {})
  const asksProcessor = units.some(({ cases }) => cases.some(one => one.processor !== undefined))
  const processor = asksProcessor ? await Processor.start() : null
  try {
    const proxy = await ProxyProcess.start(bootstrap(placed, origin.port, processor))
    const player = new Player(origin, proxy, processor)
    const played: Played[][] = []
    try {
      for (const place of placed) {
        const cases: Played[] = []
        for (const one of place.unit.cases) {
          try {
            cases.push(await player.play(place, one))
          } catch (error) {
            throw new Error(`${place.unit.about}, ${one.name}: ${(error as Error).message}`, { cause: error })
          }
        }
        played.push(cases)
      }
    } finally {
      await proxy.stop()
    }
    return await Promise.all(
      played.map(cases => Promise.all(cases.map(async one => [...one.lines, ...(await logLines(one))]))),
    )
  } finally {
    processor?.service.close()
    await origin.close()
    await rm(folder, { recursive: true })
  }
}
