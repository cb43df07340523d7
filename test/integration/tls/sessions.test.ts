// Sessions that are taken up again, and those that may not be.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, TestAuthority } from '../../harness/index.ts'
import { downstreamTls, identity, pair, securedListener, upstreamTls } from './kit.ts'

const authority = new TestAuthority()
after(() => authority[Symbol.dispose]())
const server = authority.issue('server.test')
const client = authority.issue('client.test')
const [keys, newerKeys] = ['ticket.keys', 'newer.keys'].map(name => {
  const file = join(authority.folder, name)
  writeFileSync(file, randomBytes(80))
  return { filename: file }
})

const common = { tls_certificates: [pair(server)] }
const validated = { ...common, validation_context: { trusted_ca: { filename: authority.ca } } }
const contexts = {
  usual: { common_tls_context: common },
  never: { common_tls_context: common, disable_stateless_session_resumption: true },
  neverAtAll: {
    common_tls_context: common,
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
  },
  keyed: { common_tls_context: common, session_ticket_keys: { keys: [keys] } },
  rotated: { common_tls_context: common, session_ticket_keys: { keys: [newerKeys, keys] } },
  validating: { common_tls_context: validated, require_client_certificate: true },
} satisfies Record<string, object>
type Kind = keyof typeof contexts
const kinds = Object.keys(contexts) as Kind[]

let one: ProxyProcess
let other: ProxyProcess
let ports: ReadonlyMap<Kind, readonly [one: number, other: number]>
let [reusing, fresh] = [0, 0]
before(async () => {
  const free = await freePorts(kinds.length * 2 + 2)
  ports = new Map(kinds.map((kind, i) => [kind, [free[i]!, free[i + kinds.length]!]]))
  ;[reusing, fresh] = free.slice(-2) as [number, number]
  const listeners = (which: 0 | 1): object[] =>
    kinds.map(kind => securedListener({ port: ports.get(kind)![which], tls: downstreamTls(contexts[kind]) }))
  const cluster = (name: string, more: object): object =>
    staticCluster(name, ports.get('usual')![0], {
      transport_socket: upstreamTls({ sni: 'server.test', ...more }),
      // A connection for each request.
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          common_http_protocol_options: { max_requests_per_connection: 1 },
          explicit_http_config: { http_protocol_options: {} },
        },
      },
    })
  const to = (port: number, name: string): object =>
    httpListener({ port, routes: [{ match: { prefix: '/' }, route: { cluster: name } }] })
  const upstream = [to(reusing, 'reusing'), to(fresh, 'fresh')]
  const clusters = [cluster('reusing', {}), cluster('fresh', { max_session_keys: 0 })]
  one = await ProxyProcess.start(bootstrap([...listeners(0), ...upstream], clusters), { concurrency: 2 })
  other = await ProxyProcess.start(bootstrap(listeners(1), []))
})
after(async () => {
  await one[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
})

interface Visit {
  readonly reused: boolean
  readonly session: Buffer
}

/** One request over a connection of its own, which may take up a session. */
async function visit(port: number, options: tls.ConnectionOptions): Promise<Visit> {
  const connection = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  let session: Buffer | undefined
  connection.on('session', given => {
    session = given
  })
  connection.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  connection.resume()
  await once(connection, 'end')
  const reused = connection.isSessionReused()
  // A ticket that takes the place of another is not told of before TLS 1.3.
  if (connection.getProtocol() === 'TLSv1.2') session = connection.getSession()
  connection.destroy()
  return { reused, session: session ?? Buffer.alloc(0) }
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const
const only = (version: (typeof versions)[number]): tls.ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
})

/** Whether each of some visits was a session taken up, all with what the visit before was given. */
async function visits(port: number, count: number, options: tls.ConnectionOptions): Promise<readonly boolean[]> {
  const reused: boolean[] = []
  let session: Buffer | undefined
  while (reused.length < count) {
    const last = await visit(port, session === undefined ? options : { ...options, session })
    reused.push(last.reused)
    if (last.session.length > 0) session = last.session
  }
  return reused
}

for (const version of versions) {
  describe(version, () => {
    test('a session goes on, whichever worker gets the connection', async () => {
      const reused = await visits(ports.get('usual')![0], 12, only(version))
      assert.deepEqual(reused, [false, ...Array.from({ length: 11 }, () => true)])
    })

    for (const kind of ['never', 'neverAtAll'] as const) {
      test(`none is taken up where that is disabled: ${kind}`, async () => {
        const [port] = ports.get(kind)!
        assert.deepEqual(new Set(await visits(port, 6, only(version))), new Set([false]))
        // Nor is anything given out. (TLS 1.2 has a session without a ticket all the same.)
        if (version === 'TLSv1.3') assert.equal((await visit(port, only(version))).session.length, 0)
      })
    }

    test('keys that are configured hold in every process, its own keys only in one', async () => {
      for (const [kind, expected] of [
        ['keyed', true],
        ['usual', false],
      ] as const) {
        const [here, there] = ports.get(kind)!
        const { session } = await visit(here, only(version))
        assert.equal((await visit(there, { ...only(version), session })).reused, expected, kind)
      }
    })

    test('an older key opens what it sealed, and the client gets a ticket of the newest', async () => {
      const [rotated] = ports.get('rotated')!
      const [keyed] = ports.get('keyed')!
      const { session: old } = await visit(keyed, only(version))
      const again = await visit(rotated, { ...only(version), session: old })
      assert.equal(again.reused, true)
      const { session } = again
      assert.equal((await visit(rotated, { ...only(version), session })).reused, true)
      assert.equal((await visit(keyed, { ...only(version), session })).reused, false)
      const { session: fresh } = await visit(rotated, only(version))
      assert.deepEqual(await visits(rotated, 3, { ...only(version), session: fresh }), [true, true, true])
    })

    test('a session of a listener that asks for nothing opens none that checks its clients', async () => {
      const { session } = await visit(ports.get('usual')![0], only(version))
      const options = { ...only(version), ...identity(client), session }
      assert.equal((await visit(ports.get('validating')![0], options)).reused, false)
    })

    test('a client that was checked is known again with its certificate', async () => {
      const options = { ...only(version), ...identity(client) }
      assert.deepEqual(await visits(ports.get('validating')![0], 3, options), [false, true, true])
    })
  })
}

test('towards an origin', async () => {
  const handshakes = async (name: string): Promise<readonly [number, number]> => {
    const stats = await one.stats(`cluster.${name}.ssl.`)
    return [stats.get(`cluster.${name}.ssl.handshake`) ?? 0, stats.get(`cluster.${name}.ssl.session_reused`) ?? 0]
  }
  for (const port of [reusing, fresh]) {
    for (let i = 0; i < 8; i++) assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
  }
  await one.untilStat('cluster.reusing.ssl.handshake', 8)
  const [all, reused] = await handshakes('reusing')
  // Each of the two workers begins with none.
  assert.ok(all - reused >= 1 && all - reused <= 2, `${reused} of ${all}`)
  assert.deepEqual(await handshakes('fresh'), [8, 0])
})
